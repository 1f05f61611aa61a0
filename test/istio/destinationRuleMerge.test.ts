import { rule } from './build.ts';
import { CART, checkRows, FROM_ROOT, OTHER_SETTINGS, type Row } from './clientTlsRows.ts';

const forTill = { workloadSelector: { matchLabels: { app: 'till' } } };
const forOthers = { workloadSelector: { matchLabels: { app: 'other' } } };

const TABLES: Record<string, Row[]> = {
  'rules of one host': [
    {
      rule: 'the oldest traffic policy wins',
      given: [rule('shop/a@2', CART, 'SIMPLE'), rule('shop/b@1', CART, 'DISABLE')],
      expect: 'DISABLE',
    },
    {
      rule: 'name breaks a tie',
      given: [rule('shop/b@1', CART, 'SIMPLE'), rule('shop/a@1', CART, 'DISABLE')],
      expect: 'DISABLE',
    },
    {
      rule: 'an older one that is not about tls cancels a younger one that is',
      given: [rule('shop/a@1', CART, undefined, { trafficPolicy: OTHER_SETTINGS }), rule('shop/b@2', CART, 'DISABLE')],
      expect: 'AUTO',
    },
    {
      rule: 'so does an empty one',
      given: [rule('shop/a@1', CART, undefined, { trafficPolicy: {} }), rule('shop/b@2', CART, 'DISABLE')],
      expect: 'AUTO',
    },
    {
      rule: 'one without traffic policy takes that of the next',
      given: [
        rule('shop/a@1', CART),
        rule('shop/b@2', CART),
        rule('shop/c@3', CART, 'DISABLE'),
        rule('shop/d@4', CART, 'SIMPLE'),
      ],
      expect: 'DISABLE',
    },
    {
      rule: 'different audiences stand apart, and the youngest that the client sees counts',
      given: [
        rule('shop/a@1', CART, 'SIMPLE', { exportTo: ['*'] }),
        rule('shop/b@2', CART, 'DISABLE', { exportTo: ['pay'] }),
      ],
      expect: 'DISABLE',
    },
    {
      rule: 'none and * are different audiences',
      given: [rule('shop/a@1', CART, 'SIMPLE'), rule('shop/b@2', CART, 'DISABLE', { exportTo: ['*'] })],
      expect: 'DISABLE',
    },
    {
      rule: 'behind another audience a rule stands for itself, though an older one took it in',
      given: [
        rule('shop/a@1', CART, 'SIMPLE', { exportTo: ['*'] }),
        rule('shop/b@2', CART, 'DISABLE', { exportTo: ['ops'] }),
        rule('shop/c@3', CART, 'MUTUAL', { exportTo: ['*'] }),
      ],
      expect: 'MUTUAL',
    },
    {
      rule: 'a wider audience goes into the older rule and reaches no one else',
      given: [
        rule('shop/a@1', CART, 'SIMPLE', { exportTo: ['ops'] }),
        rule('shop/b@2', CART, 'DISABLE', { exportTo: ['ops', 'pay'] }),
      ],
      expect: 'AUTO',
    },
  ],
  workloadSelector: [
    { rule: 'selects the client', given: [rule('pay/a@1', CART, 'SIMPLE', forTill)], expect: 'SIMPLE' },
    { rule: 'not another client', given: [rule('pay/a@1', CART, 'SIMPLE', forOthers)], expect: 'AUTO' },
    {
      rule: 'and the level is decided all the same',
      given: [rule('pay/a@1', CART, 'SIMPLE', forOthers), rule('shop/b@1', CART, 'DISABLE')],
      expect: 'AUTO',
    },
    {
      rule: 'never leaves its namespace',
      given: [rule('shop/a@1', CART, 'SIMPLE', { ...forTill, exportTo: ['*'] })],
      expect: 'AUTO',
    },
    {
      rule: 'an empty one selects all',
      given: [rule('pay/a@1', CART, 'SIMPLE', { workloadSelector: {} })],
      expect: 'SIMPLE',
    },
    {
      rule: 'before a rule for all, whatever their age',
      given: [rule('pay/a@1', CART, 'DISABLE'), rule('pay/b@2', CART, 'SIMPLE', forTill)],
      expect: 'SIMPLE',
    },
    {
      rule: 'other clients keep the rule for all',
      given: [rule('pay/a@1', CART, 'DISABLE'), rule('pay/b@2', CART, 'SIMPLE', forOthers)],
      expect: 'DISABLE',
    },
    {
      rule: 'a private rule for all vanishes behind one with selector',
      given: [rule('pay/a@1', CART, 'DISABLE', { exportTo: ['.'] }), rule('pay/b@2', CART, 'SIMPLE', forOthers)],
      expect: 'AUTO',
    },
    {
      rule: 'equal selectors merge, the oldest traffic policy wins',
      given: [rule('pay/b@2', CART, 'SIMPLE', forTill), rule('pay/a@1', CART, 'DISABLE', forTill)],
      expect: 'DISABLE',
    },
    {
      rule: 'of two that match the older',
      given: [
        rule('pay/b@2', CART, 'SIMPLE', forTill),
        rule('pay/a@1', CART, 'MUTUAL', { workloadSelector: { matchLabels: { tier: 'front' } } }),
      ],
      expect: 'MUTUAL',
    },
    {
      rule: 'different selectors stand apart',
      given: [rule('pay/a@1', CART, 'SIMPLE', forOthers), rule('pay/b@2', CART, 'DISABLE', forTill)],
      expect: 'DISABLE',
    },
    {
      rule: 'in the root namespace, for its own clients',
      given: [rule('istio-system/a@1', CART, 'SIMPLE', forTill), rule('shop/a@1', CART, 'DISABLE')],
      ask: FROM_ROOT,
      expect: 'SIMPLE',
    },
  ],
};

describe('DestinationRules for one host in one namespace', () => checkRows(TABLES));
