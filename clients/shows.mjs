// shows.mjs STATED OUTPUT: whether the last line of OUTPUT shows the JSON of STATED, as a page states an answer.
// An object shows every key that is stated and may have more; lists are whole; "…" is any text that is not empty.
import { readFileSync } from "node:fs";

/** Where `found` differs from `stated`, one line for each place; nothing when it does not. */
function differences(stated, found, at = "") {
  if (stated === "…") return typeof found === "string" && found !== "" ? [] : [`${at}: a text is stated, not ${JSON.stringify(found)}`];
  if (Array.isArray(stated) && Array.isArray(found) && stated.length === found.length) {
    return stated.flatMap((item, index) => differences(item, found[index], `${at}/${index}`));
  }
  const object = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
  if (object(stated) && object(found)) {
    return Object.keys(stated).flatMap((key) => differences(stated[key], found[key], `${at}/${key}`));
  }
  return !object(stated) && !Array.isArray(stated) && stated === found
    ? []
    : [`${at || "/"}: ${JSON.stringify(stated)} is stated, not ${JSON.stringify(found)}`];
}

const [stated, output] = process.argv.slice(2).map((path) => readFileSync(path, "utf8"));
const lines = output.split("\n").filter((line) => line.trim() !== "");
const wrong = differences(JSON.parse(stated), JSON.parse(lines.at(-1) ?? "null"));
for (const line of wrong) console.error(line);
process.exitCode = wrong.length ? 1 : 0;
