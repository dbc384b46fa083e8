'use strict';
// Medusa as its makers ship it, without its dashboard. What differs from its defaults is in the
// environment: where its locks are kept, and (POOL) how many connections to PostgreSQL a process has.
// LOCKS is "memory" (the default: a map inside one process), "postgres" or "redis" (shared by all).

const { defineConfig } = require('@medusajs/framework/utils');

const { env } = process;
const SHARED = {
  postgres: {},
  redis: { redisUrl: env.REDIS_URL },
};

const modules = [];
if (env.LOCKS in SHARED) {
  const id = `locking-${env.LOCKS}`;
  const provider = { resolve: `@medusajs/medusa/${id}`, id, is_default: true, options: SHARED[env.LOCKS] };
  modules.push({ resolve: '@medusajs/medusa/locking', options: { providers: [provider] } });
}

const pool = env.POOL ? { pool: { min: 2, max: Number(env.POOL) } } : {};

module.exports = defineConfig({
  projectConfig: {
    databaseUrl: env.DATABASE_URL,
    databaseDriverOptions: { connection: { ssl: false }, ...pool },
    http: {
      storeCors: 'http://127.0.0.1',
      adminCors: 'http://127.0.0.1',
      authCors: 'http://127.0.0.1',
      jwtSecret: env.SECRET,
      cookieSecret: env.SECRET,
    },
  },
  admin: { disable: true },
  modules,
});
