'use strict';
// Lets an order desk enter orders whose goods lie elsewhere: under its own number, at its own prices,
// and without touching the shop's stock.
//
// A request is the desk's if it comes to the Admin API with the header below, from a user who has the
// permission PlaceGatewayOrders. The header holds the order's number. Vendure's own unique index on
// order codes is what makes an order exist once: it is set in the statement that makes the draft.

const core = require('@vendure/core');

const HEADER = 'x-gateway-reference';
const REFERENCE = /^[\x21-\x7e]{1,200}$/;
const placeGatewayOrders = new core.PermissionDefinition({
  name: 'PlaceGatewayOrders',
  description: 'Enter orders whose goods lie elsewhere, under their own number and prices',
});

/** The number of the order that a request of the desk is about; undefined for everybody else. */
function referenceOf(ctx) {
  const told = ctx?.req?.headers?.[HEADER];
  if (told === undefined || ctx.apiType !== 'admin') return undefined;
  // To go on without the number would enter an order that the desk could never find again.
  if (!ctx.userHasPermissions([placeGatewayOrders.Permission])) throw new core.ForbiddenError();
  if (!REFERENCE.test(told)) throw new core.UserInputError(`${HEADER} is 1 to 200 visible characters`);
  return told;
}

/** The shop's own strategy, but for some answers: `mine` gets it and says what is different. */
function over(shops, mine) {
  const different = mine(shops);
  return new Proxy(shops, {
    get(target, name) {
      const value = name in different ? different[name] : target[name];
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** Nobody but the desk names a price: an error for whoever else would give a line another one. */
function refusesPrice(ctx, asked, before) {
  const names = asked?.gatewayPrice !== undefined && asked.gatewayPrice !== (before?.gatewayPrice ?? null);
  return names && referenceOf(ctx) === undefined ? 'only the order desk names a gatewayPrice' : undefined;
}

class OrderDeskPlugin {
  static init() {
    return OrderDeskPlugin;
  }
}

function configured(config) {
  const { authOptions, catalogOptions, customFields, orderOptions } = config;
  authOptions.customPermissions = [...(authOptions.customPermissions ?? []), placeGatewayOrders];
  customFields.OrderLine = [
    ...(customFields.OrderLine ?? []),
    // Not public: no shopper can name a price. In minor units of the order's currency, with tax.
    { name: 'gatewayPrice', type: 'int', nullable: true, public: false },
  ];
  orderOptions.orderCodeStrategy = over(orderOptions.orderCodeStrategy, (shops) => ({
    generate: (ctx) => referenceOf(ctx) ?? shops.generate(ctx),
  }));
  orderOptions.orderItemPriceCalculationStrategy = over(
    orderOptions.orderItemPriceCalculationStrategy,
    (shops) => ({
      calculateUnitPrice: (ctx, variant, fields, ...rest) => (
        Number.isSafeInteger(fields?.gatewayPrice)
          ? { price: fields.gatewayPrice, priceIncludesTax: true }
          : shops.calculateUnitPrice(ctx, variant, fields, ...rest)),
    }),
  );
  orderOptions.orderInterceptors = [
    ...(orderOptions.orderInterceptors ?? []),
    {
      willAddItemToOrder: (ctx, order, { customFields }) => refusesPrice(ctx, customFields),
      willAdjustOrderLine: (ctx, order, { orderLine, customFields }) => (
        refusesPrice(ctx, customFields, orderLine.customFields)),
    },
  ];
  // The desk has the goods already. What lies here is neither asked for nor promised again.
  orderOptions.stockAllocationStrategy = over(orderOptions.stockAllocationStrategy, (shops) => ({
    shouldAllocateStock: (ctx, ...rest) => (
      referenceOf(ctx) === undefined && shops.shouldAllocateStock(ctx, ...rest)),
  }));
  catalogOptions.stockLocationStrategy = over(catalogOptions.stockLocationStrategy, (shops) => ({
    getAvailableStock: (ctx, ...rest) => (
      referenceOf(ctx) === undefined
        ? shops.getAvailableStock(ctx, ...rest)
        : { stockOnHand: Number.MAX_SAFE_INTEGER, stockAllocated: 0 }),
  }));
  return config;
}

core.VendurePlugin({
  imports: [core.PluginCommonModule],
  configuration: configured,
  compatibility: '^3.7.0',
})(OrderDeskPlugin);

module.exports = { OrderDeskPlugin };
