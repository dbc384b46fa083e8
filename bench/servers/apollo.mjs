// Apollo Server on Express, as its makers show it, with graphql-ws for its sockets.
import { createServer } from 'node:http'

import { ApolloServer } from '@apollo/server'
import { ApolloServerPluginLandingPageDisabled } from '@apollo/server/plugin/disabled'
import { expressMiddleware } from '@as-integrations/express5'
import express from 'express'
import { useServer } from 'graphql-ws/use/ws'
import { createSchema } from 'graphql-yoga'
import { WebSocketServer } from 'ws'

import { context, listening, resolvers, typeDefs } from './shop.mjs'

const schema = createSchema({ typeDefs, resolvers })
const apollo = new ApolloServer({ schema, plugins: [ApolloServerPluginLandingPageDisabled()] })
await apollo.start()
const app = express()
app.use('/graphql', express.json(), expressMiddleware(apollo, { context: async () => context() }))
const server = createServer(app)
useServer({ schema, context }, new WebSocketServer({ server, path: '/graphql' }))
server.listen(0, '127.0.0.1', () => listening(server))
