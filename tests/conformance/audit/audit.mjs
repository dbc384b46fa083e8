// Runs the audits of graphql-http against the endpoint that is named, and prints them as JSON.

import { serverAudits } from 'graphql-http';

const url = process.argv[2];

const results = [];
for (const audit of serverAudits({ url })) {
  const { id, name, status, reason } = await audit.fn();
  results.push({ id, name, status, reason });
}
process.stdout.write(JSON.stringify(results));
