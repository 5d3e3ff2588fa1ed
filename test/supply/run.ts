// What `npm run audit` runs: the checks of packages that `npm test` makes too, then two questions to the registry that need
// the network. Ends with 1 when something was found, and with 2 when the registry gave no answer: that is no pass.
import { join } from "node:path";
import { checkoutProblems } from "./packages.ts";
import { askForAdvisories, askForSignatures, type RegistryAnswer } from "./registry.ts";

const root = join(import.meta.dirname, "..", "..");
let found = false;
let unanswered = false;

function say(what: string, answer: RegistryAnswer): void {
  const word = { clean: "nothing found", found: "FOUND", noAnswer: "NO ANSWER" }[answer.kind];
  process.stdout.write(`${what}: ${word}\n`);
  if (answer.kind === "found") for (const line of answer.lines) process.stdout.write(`  ${line}\n`);
  if (answer.kind === "noAnswer") process.stdout.write(`  ${answer.reason}\n`);
  found ||= answer.kind === "found";
  unanswered ||= answer.kind === "noAnswer";
}

const problems = checkoutProblems(root);
say(
  "Lock file, licences, install scripts",
  problems.length > 0 ? { kind: "found", lines: problems } : { kind: "clean" },
);
const [production, all, signatures] = await Promise.all([
  askForAdvisories(root, { production: true, from: "low" }),
  askForAdvisories(root, { production: false, from: "high" }),
  askForSignatures(root),
]);
say("Known vulnerabilities of what the gateway runs on", production);
say("Known vulnerabilities, high and critical, of everything", all);
say("Signatures of the registry", signatures);
if (unanswered) process.stdout.write("The registry did not answer everything: this is no pass.\n");
process.exitCode = found ? 1 : unanswered ? 2 : 0;
