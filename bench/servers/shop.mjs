// The shop that the servers of Node.js serve: the file of products in memory, and resolvers over it.
//
// What a real shop would do is left out, which is kinder to these servers than the gateway's own
// rules are to it: availability is a number from memory behind a DataLoader, whose batch waits for
// one millisecond in place of a store; a hold takes units off a counter, keeps nothing, and knows no
// idempotency key; stock lies at one place.
import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'

import DataLoader from 'dataloader'
import { GraphQLScalarType } from 'graphql'

const BATCH_WAITS_MS = 1

export const typeDefs = readFileSync(new URL('schema.graphql', import.meta.url), 'utf8')

const { products, place, levels } = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const variants = new Map()
for (const product of products) {
  for (const variant of product.variants) variants.set(variant.sku, { ...variant, product })
}
for (const product of products) {
  product.variants = product.variants.map((variant) => variants.get(variant.sku))
}
const units = new Map(Object.entries(levels))
const watchers = new Map()
let reservations = 0

async function availabilities(skus) {
  await pause(BATCH_WAITS_MS)
  return skus.map((sku) => ({
    availableToPromise: variants.get(sku).availableToPromise,
    stale: false,
  }))
}

/** What each operation has of its own: loaders that batch, and forget with it. */
export const context = () => ({ availability: new DataLoader(availabilities) })

function reserve({ lines }) {
  const short = lines.some(({ sku, quantity }) => !(units.get(sku) >= quantity))
  if (short) {
    return { reservation: null, replayed: false, userErrors: [{ code: 'INSUFFICIENT_STOCK' }] }
  }
  for (const { sku, quantity } of lines) {
    units.set(sku, units.get(sku) - quantity)
    for (const tell of watchers.get(sku) ?? []) tell(level(sku))
  }
  reservations += 1
  return { reservation: { id: `${reservations}`, status: 'HELD', lines }, replayed: false, userErrors: [] }
}

const level = (sku) => ({ location: { code: place }, availableToPromise: units.get(sku) })

async function* changes(sku) {
  // A level that a later one has overtaken is not told, as at the gateway: so what waits is bounded.
  let waiting = level(sku)
  let wake = () => {}
  const tell = (told) => {
    waiting = told
    wake()
  }
  if (!watchers.has(sku)) watchers.set(sku, new Set())
  watchers.get(sku).add(tell)
  try {
    while (true) {
      if (waiting === null) await new Promise((resolve) => { wake = resolve })
      const told = waiting
      waiting = null
      yield { stockChanged: told }
    }
  } finally {
    watchers.get(sku).delete(tell)
  }
}

export const resolvers = {
  Decimal: new GraphQLScalarType({ name: 'Decimal' }),
  Query: {
    variant: (_, { by }) => variants.get(by.sku) ?? null,
    products: (_, { first }) => ({ nodes: products.slice(0, first) }),
  },
  Product: {
    variants: (product, { first }) => ({ nodes: product.variants.slice(0, first) }),
  },
  Variant: {
    price: (variant, { channel }) => variant.prices[channel] ?? null,
    availability: (variant, _, { availability }) => availability.load(variant.sku),
  },
  Mutation: {
    reserveStock: (_, { input }) => reserve(input),
  },
  Subscription: {
    stockChanged: { subscribe: (_, { skus }) => changes(skus[0]) },
  },
}

/** Tells whoever started this where it listens, once it does. */
export function listening(server) {
  console.log(`listening on ${server.address().port}`)
}
