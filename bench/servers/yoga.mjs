// GraphQL Yoga on Node's own HTTP server, with graphql-ws for its sockets.
import { createServer } from 'node:http'

import { useServer } from 'graphql-ws/use/ws'
import { createSchema, createYoga } from 'graphql-yoga'
import { WebSocketServer } from 'ws'

import { context, listening, resolvers, typeDefs } from './shop.mjs'

const schema = createSchema({ typeDefs, resolvers })
const yoga = createYoga({ schema, context, graphiql: false, landingPage: false, logging: false })
const server = createServer(yoga)
useServer({ schema, context }, new WebSocketServer({ server, path: '/graphql' }))
server.listen(0, '127.0.0.1', () => listening(server))
