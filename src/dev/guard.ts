import { spawn } from "node:child_process";

/** Ends the process groups it was told about when this process goes away without doing so itself. */
export type Guard = {
  /** Ends this group if this process dies. */
  watch(groupId: number): void;
  /** The group is gone: its number may belong to somebody else from now on. */
  forget(groupId: number): void;
  /** Removes this file or folder if this process dies. */
  removeAtDeath(path: string): void;
  /** Lets the guard go; nothing is ended and nothing removed. */
  close(): void;
};

// The kernel closes the pipe when the writer dies, however it dies: the shell then reads the end of its input and acts.
const SCRIPT = `
trap '' INT HUP TERM
groups= paths= IFS='
'
while read -r line; do
  word=\${line#?}
  case $line in
    +*) groups="$groups
$word" ;;
    -*) kept=; for g in $groups; do [ "$g" = "$word" ] || kept="$kept
$g"; done; groups=$kept ;;
    r*) paths="$paths
$word" ;;
    q*) exit 0 ;;
  esac
done
for g in $groups; do kill -s TERM -- "-$g"; done
for p in $paths; do rm -rf -- "$p"; done
for second in 1 2 3 4 5 6 7 8; do
  alive=; for g in $groups; do kill -s 0 -- "-$g" && alive=yes; done
  [ -z "$alive" ] && exit 0
  sleep 1
done
for g in $groups; do kill -s KILL -- "-$g"; done
`;

/** Starts the guard: one small shell in a group of its own. */
export function startGuard(): Guard {
  const child = spawn("/bin/sh", ["-c", SCRIPT], { detached: true, stdio: ["pipe", "ignore", "ignore"] });
  child.unref();
  child.stdin.on("error", () => {});
  const tell = (line: string) => child.stdin.write(`${line}\n`);
  return {
    watch: (groupId) => tell(`+${groupId}`),
    forget: (groupId) => tell(`-${groupId}`),
    removeAtDeath: (path) => tell(`r${path}`),
    close: () => {
      tell("q");
      child.stdin.end();
    },
  };
}
