'use strict';
// The webshop of the live tests: Vendure as its makers ship it, with two means of payment that ask no
// bank, one custom field, and the plugins of examples/vendure-*. Settings are in the
// environment. `node shop.js build` makes the tables of an empty database and ends.

const core = require('@vendure/core');
const { OrderDeskPlugin } = require('./vendure-orders');
const { WebhookPlugin } = require('./vendure-webhooks');

const { env } = process;
const BUILDING = process.argv[2] === 'build';

/** Pays at once, or only authorizes; `metadata: {decline: true}` is refused. */
const testPay = new core.PaymentMethodHandler({
  code: 'test-pay',
  description: [{ languageCode: core.LanguageCode.en, value: 'Pays without a bank' }],
  args: { settle: { type: 'boolean' } },
  createPayment: (ctx, order, amount, args, metadata) => (metadata.decline
    ? { amount, state: 'Declined', metadata: {} }
    : { amount, state: args.settle ? 'Settled' : 'Authorized', transactionId: `test-${order.code}`, metadata: {} }),
  settlePayment: () => ({ success: true }),
  createRefund: () => ({ state: 'Settled' }),
});

const config = {
  logger: new core.DefaultLogger({ level: core.LogLevel.Warn, timestamp: true }),
  apiOptions: { hostname: '127.0.0.1', port: Number(env.SHOP_PORT ?? 0), cors: false },
  authOptions: {
    tokenMethod: 'bearer',
    requireVerification: false,
    superadminCredentials: { identifier: 'superadmin', password: env.SHOP_SUPERADMIN_PASSWORD },
  },
  dbConnectionOptions: {
    type: 'postgres', host: '127.0.0.1', port: Number(env.SHOP_DB_PORT), database: env.SHOP_DB,
    username: 'vendure', password: env.SHOP_DB_PASSWORD,
    synchronize: BUILDING, migrations: [], logging: false, poolSize: 10,
  },
  paymentOptions: { paymentMethodHandlers: [testPay] },
  customFields: { ProductVariant: [{ name: 'barcode', type: 'string' }] },
  plugins: [
    core.DefaultJobQueuePlugin.init({ backoffStrategy: (queue, attempts) => Math.min(250 * 2 ** attempts, 30_000) }),
    OrderDeskPlugin.init(),
    ...(env.SHOP_WEBHOOK_URL ? [WebhookPlugin.init({ url: env.SHOP_WEBHOOK_URL, secret: env.SHOP_WEBHOOK_SECRET })] : []),
  ],
};

async function main() {
  const app = await core.bootstrap(config);
  if (BUILDING) {
    await app.close();
    return process.exit(0);
  }
  await app.get(core.JobQueueService).start(); // the worker, in this process
  process.once('SIGTERM', () => {
    setTimeout(() => process.exit(0), 5000).unref();
    app.close().finally(() => process.exit(0));
  });
  return undefined;
}

main().catch((error) => { console.error(error); process.exit(1); });
