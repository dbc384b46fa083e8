// A partner's graph: its own subgraph, served on a free port of loopback, and a router over it and
// the gateway.
//
//     node router.mjs supergraph.graphql partner.graphql http://127.0.0.1:8000/graphql
//
// Operations come in on standard input, one JSON object a line with `query`, `variables` and the
// caller's `authorization`; answers go out the same way. It ends when its input does.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";

import { ApolloGateway, RemoteGraphQLDataSource } from "@apollo/gateway";
import { buildSubgraphSchema } from "@apollo/subgraph";
import { graphql, parse } from "graphql";

const [supergraph, partner, gatewayUrl] = process.argv.slice(2);

const REVIEWS = [
  { __typename: "Review", id: "r-1", stars: 5, handle: "amber-essence-001" },
  { __typename: "Review", id: "r-2", stars: 2, handle: "nobody-sells-this" },
];
const OFFERS = [
  { sku: "BT-0001-30ML", points: 300, off: { amount: "30.00", currencyCode: "CNY" } },
];

const resolvers = {
  Query: {
    latestReviews: () => REVIEWS,
    offers: (_, { first }) => ({
      nodes: OFFERS.slice(0, first),
      pageInfo: { hasNextPage: false, hasPreviousPage: false },
    }),
    purchase: (_, { number }) => ({ number }),
    node: (_, { id }) => REVIEWS.find((review) => review.id === id),
  },
  Product: {
    reviews: ({ handle }) => REVIEWS.filter((review) => review.handle === handle),
  },
  Review: { product: ({ handle }) => ({ handle }) },
  Variant: { offers: ({ sku }) => OFFERS.filter((offer) => offer.sku === sku) },
  Offer: { variant: ({ sku }) => ({ sku }) },
  Order: { pointsEarned: () => 760 },
};

const schema = buildSubgraphSchema({ typeDefs: parse(readFileSync(partner, "utf8")), resolvers });

const server = createServer(async (request, response) => {
  const { query, variables } = JSON.parse(await text(request));
  const answer = await graphql({ schema, source: query, variableValues: variables });
  response.setHeader("Content-Type", "application/json");
  response.end(JSON.stringify(answer));
});
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));

const urls = { gateway: gatewayUrl, partner: `http://127.0.0.1:${server.address().port}` };

class PassingTokensOn extends RemoteGraphQLDataSource {
  willSendRequest({ request, context }) {
    if (context.authorization) request.http.headers.set("Authorization", context.authorization);
  }
}

const quiet = { debug() {}, info() {}, warn: console.error, error: console.error };
const router = new ApolloGateway({
  supergraphSdl: readFileSync(supergraph, "utf8"),
  buildService: ({ name }) => new PassingTokensOn({ url: urls[name] }),
  logger: quiet,
});
const { executor } = await router.load();

for await (const line of createInterface({ input: process.stdin })) {
  const { query, variables, authorization } = JSON.parse(line);
  const document = parse(query);
  const answer = await executor({
    request: { query, variables },
    document,
    operation: document.definitions[0],
    queryHash: query,
    context: { authorization },
    metrics: {},
    logger: quiet,
    cache: new Map(),
  });
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await router.stop();
server.close();
