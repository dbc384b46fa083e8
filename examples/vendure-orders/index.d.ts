import type { Type } from '@vendure/core';

export declare class OrderDeskPlugin {
  static init(): Type<OrderDeskPlugin>;
}
