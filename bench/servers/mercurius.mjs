// Mercurius on Fastify: documents are compiled from their second use on, sockets are its own.
import Fastify from 'fastify'
import mercurius from 'mercurius'

import { context, listening, resolvers, typeDefs } from './shop.mjs'

const app = Fastify({ logger: false })
await app.register(mercurius, {
  schema: typeDefs,
  resolvers,
  context,
  jit: 1,
  graphiql: false,
  subscription: { context: async () => context() },
})
await app.listen({ port: 0, host: '127.0.0.1' })
listening(app.server)
