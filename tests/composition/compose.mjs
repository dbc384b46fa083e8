// Composes two subgraphs with the composers of others, and says what came of it, as JSON.
//
//     node compose.mjs gateway.graphql partner.graphql FOLDER
//
// Each composer's supergraph is written into the folder, under the composer's name.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import * as apollo from "@apollo/composition";
import * as guild from "@theguild/federation-composition";
import { parse } from "graphql";

const [gateway, partner, folder] = process.argv.slice(2);
const subgraphs = { gateway, partner };
const services = Object.entries(subgraphs).map(([name, file]) => ({
  name,
  url: `http://127.0.0.1/${name}`, // the router of the test knows better
  typeDefs: parse(readFileSync(file, "utf8")),
}));

const told = {};
for (const [name, composer] of Object.entries({ apollo, guild })) {
  const { supergraphSdl, errors = [], hints = [] } = composer.composeServices(services);
  if (supergraphSdl) writeFileSync(join(folder, `${name}.graphql`), supergraphSdl);
  told[name] = {
    errors: errors.map((error) => error.message),
    hints: hints.map((hint) => hint.message),
  };
}
process.stdout.write(JSON.stringify(told));
