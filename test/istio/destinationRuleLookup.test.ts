import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { clientTls, destinationRuleIndex } from '../../src/istio/destinationRuleLookup.ts';
import { clientQuestion, rules as anyRules, shuffled } from './arbitraries.ts';
import { CART, checkRows, FROM_ROOT, OTHER_SETTINGS, QUESTION, type Row } from './clientTlsRows.ts';
import { rule } from './build.ts';

const TABLES: Record<string, Row[]> = {
  'three levels': [
    { rule: 'no rule leaves auto mutual TLS on', given: [], expect: 'AUTO' },
    { rule: 'of the service namespace', given: [rule('shop/a@1', CART, 'DISABLE')], expect: 'DISABLE' },
    { rule: 'of the root namespace', given: [rule('istio-system/a@1', CART, 'SIMPLE')], expect: 'SIMPLE' },
    { rule: 'not of a third namespace', given: [rule('ops/a@1', CART, 'SIMPLE')], expect: 'AUTO' },
    {
      rule: 'client before service before root',
      given: [
        rule('istio-system/a@1', CART, 'SIMPLE'),
        rule('shop/a@1', CART, 'DISABLE'),
        rule('pay/a@9', CART, 'MUTUAL'),
      ],
      expect: 'MUTUAL',
    },
    {
      rule: 'a wildcard of a nearer level beats the exact host of a farther one',
      given: [rule('shop/a@1', CART, 'DISABLE'), rule('pay/a@1', '*.local', 'ISTIO_MUTUAL')],
      expect: 'ISTIO_MUTUAL',
    },
    {
      rule: 'a nearer level without tls still decides alone',
      given: [rule('shop/a@1', CART, 'DISABLE'), rule('pay/a@1', '*', undefined, { trafficPolicy: OTHER_SETTINGS })],
      expect: 'AUTO',
    },
    {
      rule: 'clients of the root namespace obey the service before the rules for everybody',
      given: [rule('istio-system/a@1', CART, 'SIMPLE'), rule('shop/a@1', '*.local', 'DISABLE')],
      ask: FROM_ROOT,
      expect: 'DISABLE',
    },
    {
      rule: 'but private rules of the root namespace first',
      given: [rule('istio-system/a@1', '*.local', 'SIMPLE', { exportTo: ['.'] }), rule('shop/a@1', CART, 'DISABLE')],
      ask: FROM_ROOT,
      expect: 'SIMPLE',
    },
    {
      rule: 'a service of the root namespace',
      given: [rule('istio-system/a@1', 'cart.istio-system.svc.cluster.local', 'SIMPLE')],
      ask: { service: { name: 'cart', namespace: 'istio-system' } },
      expect: 'SIMPLE',
    },
  ],
  hosts: [
    {
      rule: 'exact before wildcard, whatever their age',
      given: [rule('shop/a@1', '*.shop.svc.cluster.local', 'SIMPLE'), rule('shop/b@2', CART, 'DISABLE')],
      expect: 'DISABLE',
    },
    {
      rule: 'the longest wildcard',
      given: [
        rule('shop/a@1', '*', 'MUTUAL'),
        rule('shop/b@2', '*.shop.svc.cluster.local', 'DISABLE'),
        rule('shop/c@3', '*.local', 'SIMPLE'),
      ],
      expect: 'DISABLE',
    },
    { rule: '* covers everything', given: [rule('shop/a@1', '*', 'SIMPLE')], expect: 'SIMPLE' },
    {
      rule: 'a wildcard without dot before it',
      given: [rule('shop/a@1', '*rt.shop.svc.cluster.local', 'SIMPLE')],
      expect: 'SIMPLE',
    },
    { rule: 'another host', given: [rule('shop/a@1', 'carts.shop.svc.cluster.local', 'SIMPLE')], expect: 'AUTO' },
    {
      rule: 'a short name means the namespace of the rule',
      given: [rule('shop/a@1', 'cart', 'SIMPLE')],
      expect: 'SIMPLE',
    },
    { rule: 'not that of the service', given: [rule('pay/a@1', 'cart', 'SIMPLE')], expect: 'AUTO' },
    {
      rule: 'a short name and the full one are the same host',
      given: [rule('shop/b@2', CART, 'DISABLE'), rule('shop/a@1', 'cart', 'SIMPLE')],
      expect: 'SIMPLE',
    },
    {
      rule: 'half a name is taken as it is',
      given: [rule('shop/a@1', 'cart.shop', 'SIMPLE'), rule('shop/b@1', 'cart.shop.svc', 'SIMPLE')],
      expect: 'AUTO',
    },
    { rule: 'an empty host covers nothing', given: [rule('shop/a@1', '', 'SIMPLE')], expect: 'AUTO' },
  ],
  exportTo: [
    { rule: '* is everybody', given: [rule('shop/a@1', CART, 'SIMPLE', { exportTo: ['*'] })], expect: 'SIMPLE' },
    {
      rule: 'an empty list is everybody',
      given: [rule('shop/a@1', CART, 'SIMPLE', { exportTo: [] })],
      expect: 'SIMPLE',
    },
    {
      rule: 'the client by name',
      given: [rule('shop/a@1', CART, 'SIMPLE', { exportTo: ['ops', 'pay'] })],
      expect: 'SIMPLE',
    },
    {
      rule: '. is the own namespace only',
      given: [rule('shop/a@1', CART, 'SIMPLE', { exportTo: ['.'] })],
      expect: 'AUTO',
    },
    {
      rule: '. and others',
      given: [rule('shop/a@1', CART, 'SIMPLE', { exportTo: ['.', 'pay'] })],
      expect: 'SIMPLE',
    },
    { rule: '. for a client there', given: [rule('pay/a@1', CART, 'SIMPLE', { exportTo: ['.'] })], expect: 'SIMPLE' },
    {
      rule: 'the own name is like .',
      given: [rule('pay/a@1', CART, 'SIMPLE', { exportTo: ['pay'] })],
      expect: 'SIMPLE',
    },
    {
      rule: 'exported elsewhere, not even clients beside it see it',
      given: [rule('pay/a@1', CART, 'SIMPLE', { exportTo: ['shop'] })],
      expect: 'AUTO',
    },
    { rule: '~ is nobody', given: [rule('pay/a@1', CART, 'SIMPLE', { exportTo: ['~'] })], expect: 'AUTO' },
    {
      rule: 'a hidden level is passed over',
      given: [rule('shop/a@1', CART, 'SIMPLE', { exportTo: ['ops'] }), rule('istio-system/a@1', '*', 'DISABLE')],
      expect: 'DISABLE',
    },
    {
      rule: 'a hidden exact host also hides the wildcard beside it',
      given: [rule('shop/a@1', CART, 'SIMPLE', { exportTo: ['ops'] }), rule('shop/b@1', '*.local', 'MUTUAL')],
      expect: 'AUTO',
    },
    {
      rule: 'a private exact host does not',
      given: [rule('shop/a@1', CART, 'SIMPLE', { exportTo: ['.'] }), rule('shop/b@1', '*.local', 'MUTUAL')],
      expect: 'MUTUAL',
    },
  ],
  ports: [
    {
      rule: 'a setting of the port replaces the general one',
      given: [
        rule('shop/a@1', CART, undefined, {
          trafficPolicy: {
            tls: { mode: 'SIMPLE' },
            portLevelSettings: [{ port: { number: 80 }, tls: { mode: 'DISABLE' } }],
          },
        }),
      ],
      expect: 'DISABLE',
    },
    {
      rule: 'also where it says nothing about tls',
      given: [
        rule('shop/a@1', CART, undefined, {
          trafficPolicy: { tls: { mode: 'SIMPLE' }, portLevelSettings: [{ port: { number: 80 } }] },
        }),
      ],
      expect: 'AUTO',
    },
    {
      rule: 'other ports keep the general one',
      given: [
        rule('shop/a@1', CART, undefined, {
          trafficPolicy: {
            tls: { mode: 'SIMPLE' },
            portLevelSettings: [{ port: { number: 81 }, tls: { mode: 'DISABLE' } }, {}],
          },
        }),
      ],
      expect: 'SIMPLE',
    },
    {
      rule: 'the first setting of a port counts',
      given: [
        rule('shop/a@1', CART, undefined, {
          trafficPolicy: {
            portLevelSettings: [{ port: { number: 80 }, tls: { mode: 'MUTUAL' } }, { port: { number: 80 } }],
          },
        }),
      ],
      expect: 'MUTUAL',
    },
    {
      rule: 'settings of ports are not merged either',
      given: [
        rule('shop/a@1', CART, 'SIMPLE'),
        rule('shop/b@2', CART, undefined, {
          trafficPolicy: { portLevelSettings: [{ port: { number: 80 }, tls: { mode: 'DISABLE' } }] },
        }),
      ],
      expect: 'SIMPLE',
    },
    {
      rule: 'tls without mode is DISABLE',
      given: [rule('shop/a@1', CART, undefined, { trafficPolicy: { tls: {} } })],
      expect: 'DISABLE',
    },
  ],
};

describe('what DestinationRules force on a client', () => {
  checkRows(TABLES);

  it('names the rule that decides', () => {
    const given = [rule('shop/a@1', CART), rule('shop/b@2', CART, 'DISABLE'), rule('shop/c@3', CART, 'SIMPLE')];
    assert.equal(destinationRuleIndex(given).clientTls(QUESTION).decidedBy?.metadata.name, 'b');
    assert.equal(destinationRuleIndex([]).clientTls(QUESTION).decidedBy, undefined);
  });

  it('is the same in whatever order the rules are listed, and leaves them as they were', () => {
    fc.assert(
      fc.property(shuffled(anyRules), clientQuestion, ([list, other], question) => {
        const before = JSON.stringify(list);
        assert.deepEqual(
          destinationRuleIndex(list).clientTls(question),
          destinationRuleIndex(other).clientTls(question),
        );
        assert.equal(JSON.stringify(list), before);
      }),
    );
  });

  it('gives the same answers when asked again', () => {
    fc.assert(
      fc.property(anyRules, fc.array(clientQuestion, { minLength: 2, maxLength: 5 }), (list, questions) => {
        const index = destinationRuleIndex(list);
        for (const question of [...questions, ...questions.toReversed()])
          assert.equal(index.clientTls(question).mode, clientTls(list, question));
      }),
    );
  });
});
