'use strict';
// The shop of the race, run inside Medusa once: one channel, one region, one warehouse, one courier,
// and SKUs whose stock is counted. The ids that a client needs are written to the file FACTS.

const fs = require('node:fs');
const { Modules } = require('@medusajs/framework/utils');
const flows = require('@medusajs/medusa/core-flows');

const { env } = process;
const SKUS = Array.from({ length: Number(env.SKUS) }, (_, at) => `HOT-${String(at + 1).padStart(3, '0')}`);

async function owner(run, container) {
  const body = { email: env.ADMIN_EMAIL, password: env.ADMIN_PASSWORD };
  const { success, error, authIdentity } = await container.resolve(Modules.AUTH).register('emailpass', { body });
  if (!success) throw new Error(`the administrator was refused: ${error}`);
  await run(flows.createUserAccountWorkflow, { authIdentityId: authIdentity.id, userData: { email: env.ADMIN_EMAIL } });
}

/** A channel with the key that its shoppers send, and the region that they live in. */
async function market(run) {
  const [channel] = await run(flows.createSalesChannelsWorkflow, { salesChannelsData: [{ name: 'Race' }] });
  const wanted = [{ title: 'Race', type: 'publishable', created_by: '' }];
  const [key] = await run(flows.createApiKeysWorkflow, { api_keys: wanted });
  await run(flows.linkSalesChannelsToApiKeyWorkflow, { id: key.id, add: [channel.id] });
  const terms = { name: 'China', currency_code: 'cny', countries: ['cn'], payment_providers: ['pp_system_default'] };
  const [region] = await run(flows.createRegionsWorkflow, { regions: [terms] });
  const rate = { name: 'VAT', code: 'vat', rate: 13 };
  await run(flows.createTaxRegionsWorkflow, [{ country_code: 'cn', provider_id: 'tp_system', default_tax_rate: rate }]);
  return { channel, key, region };
}

/** A warehouse that sells to the channel, and a courier that leaves from it at one price. */
async function warehouse(run, container, channel) {
  const [place] = await run(flows.createStockLocationsWorkflow, { locations: [{ name: 'Warehouse' }] });
  await run(flows.linkSalesChannelsToStockLocationWorkflow, { id: place.id, add: [channel.id] });
  const zones = [{ name: 'China', geo_zones: [{ type: 'country', country_code: 'cn' }] }];
  const set = await container.resolve(Modules.FULFILLMENT)
    .createFulfillmentSets({ name: 'Parcels', type: 'shipping', service_zones: zones });
  const at = { [Modules.STOCK_LOCATION]: { stock_location_id: place.id } };
  const links = container.resolve('link');
  await links.create({ ...at, [Modules.FULFILLMENT]: { fulfillment_provider_id: 'manual_manual' } });
  await links.create({ ...at, [Modules.FULFILLMENT]: { fulfillment_set_id: set.id } });
  const [profile] = await run(flows.createShippingProfilesWorkflow, { data: [{ name: 'Parcels', type: 'default' }] });
  const [courier] = await run(flows.createShippingOptionsWorkflow, [{
    name: 'Courier',
    price_type: 'flat',
    provider_id: 'manual_manual',
    service_zone_id: set.service_zones[0].id,
    shipping_profile_id: profile.id,
    type: { label: 'Courier', description: 'in two days', code: 'courier' },
    prices: [{ currency_code: 'cny', amount: 12 }],
    rules: [],
  }]);
  return { place, profile, courier };
}

exports.default = async function seed({ container }) {
  const run = async (flow, input) => (await flow(container).run({ input })).result;
  await owner(run, container);
  const { channel, key, region } = await market(run);
  const { place, profile, courier } = await warehouse(run, container, channel);
  const products = SKUS.map((sku) => ({
    title: sku,
    handle: sku.toLowerCase(),
    status: 'published',
    shipping_profile_id: profile.id,
    sales_channels: [{ id: channel.id }],
    options: [{ title: 'Size', values: ['One'] }],
    variants: [{ title: sku, sku, manage_inventory: true, options: { Size: 'One' }, prices: [{ currency_code: 'cny', amount: 99 }] }],
  }));
  await run(flows.createProductsWorkflow, { products });
  const items = await container.resolve(Modules.INVENTORY).listInventoryItems({ sku: SKUS }, { take: SKUS.length });
  const levels = items.map(({ id }) => ({ inventory_item_id: id, location_id: place.id, stocked_quantity: 0 }));
  await run(flows.createInventoryLevelsWorkflow, { inventory_levels: levels });
  fs.writeFileSync(env.FACTS, JSON.stringify({
    key: key.token, channel: channel.id, region: region.id, place: place.id, courier: courier.id, skus: SKUS,
  }));
};
