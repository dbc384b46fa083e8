'use strict';
// Tells a receiver what changed in the shop: one signed message for each event, after its commit.
//
// Messages are jobs of the shop's own queue, so that they are as durable as that queue is: one that
// was not taken is sent again, with the same id. They may come twice and in any order. Whoever gets
// one reads the thing anew; no customer's name, mail address or telephone number is in it.

const crypto = require('node:crypto');
const core = require('@vendure/core');

const CONTEXT = 'WebhookPlugin';
const SECRET_CHARS_MIN = 16;

const ids = (things) => [...new Set([things].flat().map((it) => String(it?.id ?? it)))];
const ofOrder = (order) => ({ orderId: String(order.id), orderCode: order.code, state: order.state });
const changed = (event) => ({ change: event.type, ids: ids(event.entity) });
const moved = (event) => ({ from: event.fromState, to: event.toState });

/** Each topic: the event that it is told of, and what is said. Any change is looked up by its ids. */
const TOPICS = {
  product: [core.ProductEvent, changed],
  variant: [core.ProductVariantEvent, changed],
  'variant-price': [core.ProductVariantPriceEvent, (event) => ({
    change: event.type,
    ids: ids(event.entity.map((price) => price.variant?.id ?? price.variantId).filter(Boolean)),
  })],
  'product-channel': [core.ProductChannelEvent, (event) => ({ change: event.type, ids: ids(event.product) })],
  'variant-channel': [core.ProductVariantChannelEvent, (event) => ({ change: event.type, ids: ids(event.productVariant) })],
  stock: [core.StockMovementEvent, (event) => ({
    change: event.type,
    ids: ids(event.stockMovements.map((it) => it.productVariant?.id ?? it.productVariantId).filter(Boolean)),
  })],
  'order-placed': [core.OrderPlacedEvent, (event) => ({ ...ofOrder(event.order), ...moved(event) })],
  'order-state': [core.OrderStateTransitionEvent, (event) => ({ ...ofOrder(event.order), ...moved(event) })],
  payment: [core.PaymentStateTransitionEvent, (event) => ({ ...ofOrder(event.order), ...moved(event) })],
  refund: [core.RefundEvent, (event) => ({ ...ofOrder(event.order), to: event.refund.state })],
  'refund-state': [core.RefundStateTransitionEvent, (event) => ({ ...ofOrder(event.order), ...moved(event) })],
  fulfillment: [core.FulfillmentStateTransitionEvent, moved],
  customer: [core.CustomerEvent, changed],
};

class WebhookPlugin {
  static options;

  static init(options) {
    if (!/^https?:\/\//.test(options?.url ?? '')) throw new Error(`${CONTEXT}: url is an http address`);
    if ((options.secret ?? '').length < SECRET_CHARS_MIN) {
      throw new Error(`${CONTEXT}: secret has at least ${SECRET_CHARS_MIN} characters`);
    }
    WebhookPlugin.options = { retries: 8, timeoutMs: 5000, ...options };
    return WebhookPlugin;
  }

  constructor(eventBus, jobQueueService) {
    this.eventBus = eventBus;
    this.jobQueueService = jobQueueService;
  }

  async onModuleInit() {
    if (!WebhookPlugin.options) throw new Error(`${CONTEXT}: call WebhookPlugin.init({ url, secret })`);
    this.queue = await this.jobQueueService.createQueue({
      name: 'webhooks',
      process: (job) => this.send(job.data),
    });
    for (const [topic, [type, describe]] of Object.entries(TOPICS)) {
      this.eventBus.ofType(type).subscribe((event) => this.note(topic, event, describe));
    }
  }

  /** Puts one message into the queue. The shop goes on whatever happens here. */
  note(topic, event, describe) {
    try {
      const id = crypto.randomUUID();
      const channel = event.ctx?.channel?.code ?? null;
      const occurredAt = (event.createdAt ?? new Date()).toISOString();
      const body = JSON.stringify({ id, topic, channel, occurredAt, data: describe(event) });
      this.queue
        .add({ id, topic, body }, { retries: WebhookPlugin.options.retries })
        .catch((error) => core.Logger.error(`${topic} ${id} was not queued: ${error.message}`, CONTEXT));
    } catch (error) {
      core.Logger.error(`${topic} was not understood: ${error.message}`, CONTEXT);
    }
  }

  /** Sends one message. What is thrown here makes the queue send it again. */
  async send({ id, topic, body }) {
    const { url, secret, timeoutMs } = WebhookPlugin.options;
    const response = await fetch(url, {
      method: 'POST',
      body,
      redirect: 'error', // a receiver that has moved is configured anew
      signal: AbortSignal.timeout(timeoutMs),
      headers: {
        'content-type': 'application/json',
        'x-vendure-topic': topic,
        'x-vendure-event-id': id,
        'x-vendure-timestamp': String(Math.floor(Date.now() / 1000)),
        'x-vendure-signature': `sha256=${crypto.createHmac('sha256', secret).update(body).digest('hex')}`,
      },
    });
    await response.arrayBuffer();
    if (!response.ok) throw new Error(`the receiver answered ${response.status} to ${topic} ${id}`);
  }
}

Reflect.defineMetadata('design:paramtypes', [core.EventBus, core.JobQueueService], WebhookPlugin);
core.VendurePlugin({ imports: [core.PluginCommonModule], compatibility: '^3.7.0' })(WebhookPlugin);

module.exports = { WebhookPlugin };
