// Runs the audits of graphql-http against the endpoint that is named, and prints them as JSON.
//
// A GET says who asks, as this gateway wants it of every GET (docs/http.md); nothing else is added.

import { serverAudits } from 'graphql-http';

const url = process.argv[2];

function fetchFn(at, request = {}) {
  const method = request.method ?? 'GET';
  const headers = new Headers(request.headers);
  if (method === 'GET') headers.set('GraphQL-Require-Preflight', '1');
  return fetch(at, { ...request, headers });
}

const results = [];
for (const audit of serverAudits({ url, fetchFn })) {
  const { id, name, status, reason } = await audit.fn();
  results.push({ id, name, status, reason });
}
process.stdout.write(JSON.stringify(results));
