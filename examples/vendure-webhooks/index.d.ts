import type { Type } from '@vendure/core';

export interface WebhookOptions {
  /** Where messages go, for example https://gateway.example.com/webhooks/shop */
  url: string;
  /** Signs every message; at least 16 characters, known to the receiver and nobody else. */
  secret: string;
  /** How often a message is sent again that was not taken. Default 8. */
  retries?: number;
  /** How long the receiver may take, in milliseconds. Default 5000. */
  timeoutMs?: number;
}

export declare class WebhookPlugin {
  static init(options: WebhookOptions): Type<WebhookPlugin>;
}
