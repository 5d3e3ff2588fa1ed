/** The style sheet of the reference page. */
export const stylesheet = `:root {
  color-scheme: light dark;
  --ink: light-dark(#1b1f27, #e4e7ee);
  --soft: light-dark(#596273, #9aa4b8);
  --paper: light-dark(#fff, #12151b);
  --panel: light-dark(#f5f6f9, #191d25);
  --line: light-dark(#dfe3ea, #2b313d);
  --link: light-dark(#1757c2, #82b1ff);
  --get: light-dark(#146c3a, #5fd08f);
  --post: light-dark(#1757c2, #82b1ff);
  --delete: light-dark(#b3261e, #ff8a80);
}
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body {
  margin: 0;
  display: grid;
  grid-template-columns: 19rem minmax(0, 1fr);
  background: var(--paper);
  color: var(--ink);
  font: 16px/1.55 system-ui, sans-serif;
}
a { color: var(--link); text-decoration: none; }
a:hover { text-decoration: underline; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
nav {
  position: sticky;
  top: 0;
  height: 100vh;
  overflow-y: auto;
  padding: 1.25rem;
  background: var(--panel);
  border-right: 1px solid var(--line);
  font-size: 0.85rem;
}
nav .brand { margin: 0 0 1rem; font-weight: 600; font-size: 1rem; }
nav h2 {
  margin: 1.1rem 0 0.3rem;
  font-size: 0.75rem;
  color: var(--soft);
  text-transform: uppercase;
  letter-spacing: 0.06em;
}
nav ul { margin: 0; padding: 0; list-style: none; }
nav li a { display: block; padding: 0.15rem 0; color: var(--ink); }
main { padding: 2rem clamp(1rem, 4vw, 4rem); max-width: 64rem; }
h1 { margin-top: 0; line-height: 1.2; }
small { color: var(--soft); font-weight: normal; }
.group > h2 { margin-top: 3.5rem; padding-bottom: 0.4rem; border-bottom: 1px solid var(--line); }
article { padding: 0.5rem 0 1.5rem; }
article + article { border-top: 1px solid var(--line); }
h3 { margin: 1.2rem 0 0.4rem; }
h4 { margin: 1.4rem 0 0.4rem; font-size: 0.95rem; }
.endpoint { margin: 0.2rem 0 0.8rem; overflow-wrap: anywhere; }
.method {
  display: inline-block;
  min-width: 4.4em;
  font: 600 0.75rem/1.4 ui-monospace, monospace;
}
.get { color: var(--get); }
.post { color: var(--post); }
.delete { color: var(--delete); }
code { font: 0.875em ui-monospace, monospace; overflow-wrap: anywhere; }
pre {
  margin: 0.8rem 0;
  padding: 0.8rem 1rem;
  overflow-x: auto;
  background: var(--panel);
  border: 1px solid var(--line);
  border-radius: 6px;
  line-height: 1.45;
}
pre code { overflow-wrap: normal; }
table { width: 100%; border-collapse: collapse; font-size: 0.9rem; }
th { text-align: left; font-weight: 600; color: var(--soft); }
th, td { padding: 0.4rem 0.8rem 0.4rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td:first-child { min-width: 9rem; }
@media (max-width: 52rem) {
  body { display: block; }
  nav { position: static; height: auto; border-right: 0; border-bottom: 1px solid var(--line); }
  td:first-child { min-width: 0; }
}
`;
