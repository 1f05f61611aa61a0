/** Tables of DestinationRules and what they force on one client. */
import assert from 'node:assert/strict';
import { clientTls, type ClientTlsQuestion } from '../../src/istio/destinationRuleLookup.ts';
import type { ClientTlsMode, DestinationRule } from '../../src/istio/objects.ts';

export const CART = 'cart.shop.svc.cluster.local';

/** A client in `pay` calls port 80 of the service cart in `shop`; root is `istio-system`; a row may ask otherwise. */
export const QUESTION: ClientTlsQuestion = {
  rootNamespace: 'istio-system',
  clientNamespace: 'pay',
  clientLabels: { app: 'till', tier: 'front' },
  service: { name: 'cart', namespace: 'shop' },
  port: 80,
};
export const FROM_ROOT = { clientNamespace: 'istio-system' };
export const OTHER_SETTINGS = { connectionPool: { tcp: { maxConnections: 1 } } };

export interface Row {
  rule: string;
  given: DestinationRule[];
  expect: ClientTlsMode | 'AUTO';
  ask?: Partial<ClientTlsQuestion>;
}

/** Declares one test a row. */
export function checkRows(tables: Record<string, Row[]>): void {
  for (const [family, rows] of Object.entries(tables))
    describe(family, () => {
      for (const { rule, given, expect, ask } of rows)
        it(rule, () => assert.equal(clientTls(given, { ...QUESTION, ...ask }), expect));
    });
}
