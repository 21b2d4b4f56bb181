// What a command and an event look like: the ledger's own JSON Schemas, checked with ajv.

import { readFileSync } from "node:fs";

import addFormats from "ajv-formats";
import Ajv from "ajv/dist/2020.js";

// A service copies the folder schemas/json of the ledger's repository; LEDGER_SCHEMAS says where it is.
const FOLDER = process.env.LEDGER_SCHEMAS ?? new URL("../../schemas/json", import.meta.url).pathname;

// Not strict: the schemas carry words of their own, such as x-routing-key, that ajv need not know.
const ajv = addFormats(new Ajv({ strict: false }));
const validators = new Map();

/** Returns the command, with what its schema says about it. Throws with the field and its rule. */
export function checkCommand(command) {
  const { validate, schema } = load(`commands/${command.type}`);
  if (!validate(command)) throw new Error(`invalid command: ${why(validate)}`);
  return { command, routingKey: schema["x-routing-key"] };
}

/** Returns the event, and whether its order ends with it. Throws when it is none. */
export function checkEvent(event) {
  const { validate, schema } = load(`events/${event.type.replace(/^ledger\./, "")}`);
  if (!validate(event)) throw new Error(`not an event of the ledger: ${why(validate)}`);
  return { event, isTerminal: schema["x-terminal"] === true };
}

function load(name) {
  if (!/^\w+\/\w+(\.\w+)?$/.test(name)) throw new Error(`there is no schema ${name}`);
  if (!validators.has(name)) {
    const schema = JSON.parse(readFileSync(`${FOLDER}/${name}.json`, "utf8"));
    validators.set(name, { validate: ajv.compile(schema), schema });
  }
  return validators.get(name);
}

function why(validate) {
  const [error] = validate.errors;
  return `${error.instancePath || "/"} ${error.message}`;
}
