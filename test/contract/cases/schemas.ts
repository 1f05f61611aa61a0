/** What a CRD's schema refuses, prunes and fills in. */
import { collections, policy, widget } from '../objects.ts';
import type { Case } from '../script.ts';

export const schemas: Record<string, Case> = {
  'defaults are filled in at every depth': async s => {
    const { widgets } = collections(s.namespace);
    await s.create(widgets, widget('plain'));
    await s.create(
      widgets,
      widget('some', { size: 2, frame: { depth: 3 }, parts: [{ id: 'a' }, { id: 'b', weight: 4 }] }),
    );
    await s.create(widgets, widget('null', { size: 2, colour: null, note: null, frame: null }));
    await s.merge(`${widgets}/some`, { spec: { frame: null, colour: null } });
  },

  'unknown fields are pruned, kept where the schema says so': async s => {
    const { widgets, policies } = collections(s.namespace);
    await s.create(widgets, {
      ...widget('w', { size: 1, junk: 1, frame: { junk: 2 }, free: { any: { thing: [1] } } }),
      junk: 3,
    });
    await s.create(policies, policy('p', { mtls: { mode: 'STRICT', junk: true }, junk: {} }));
    await s.create(widgets, widget('strict', { size: 1, junk: 1 }), { fieldValidation: 'Strict' });
  },

  'every kind of violation names its field': async s => {
    const { widgets } = collections(s.namespace);
    const refused: Record<string, unknown> = {
      missing: {},
      low: { size: 0 },
      high: { size: 10 },
      text: { size: 'one' },
      fraction: { size: 1.5 },
      enum: { size: 1, colour: 'blue' },
      short: { size: 1, name: 'a' },
      long: { size: 1, name: 'abcdef' },
      pattern: { size: 1, name: 'ABC' },
      share: { size: 1, share: true },
      frame: { size: 1, frame: 'wood' },
      none: { size: 1, parts: [] },
      many: { size: 1, parts: [{ id: 'a' }, { id: 'b' }, { id: 'c' }, { id: 'd' }] },
      part: { size: 1, parts: [{ weight: 1 }] },
      labels: { size: 1, labels: { a: 1 } },
      crowd: { size: 1, labels: { a: '1', b: '2', c: '3' } },
      both: { size: 0, colour: 'blue' },
    };
    for (const [name, spec] of Object.entries(refused)) {
      s.note(name, spec);
      await s.create(widgets, widget(name, spec as Record<string, unknown>));
    }
    await s.create(widgets, { apiVersion: 'contract.test/v1', kind: 'Widget', metadata: { name: 'spec' } });
    await s.create(widgets, widget('share', { size: 1, share: '25%' }));
  },

  'a patch to something invalid is refused and changes nothing': async s => {
    const { widgets } = collections(s.namespace);
    await s.create(widgets, widget('w'));
    await s.merge(`${widgets}/w`, { spec: { size: 99 } });
    await s.merge(`${widgets}/w`, { spec: { size: null } });
    await s.get(`${widgets}/w`);
  },

  'Istio refuses policies that mean nothing': async s => {
    const { policies } = collections(s.namespace);
    await s.create(policies, policy('mode', { mtls: { mode: 'FULL' } }));
    await s.create(policies, policy('type', { mtls: 'STRICT' }));
    await s.create(policies, policy('ports', { portLevelMtls: { 8080: { mode: 'STRICT' } } }));
    await s.create(policies, policy('empty', { selector: { matchLabels: { a: 'b' } }, portLevelMtls: {} }));
    await s.create(
      policies,
      policy('good', { selector: { matchLabels: { a: 'b' } }, portLevelMtls: { 8080: { mode: 'STRICT' } } }),
    );
    await s.merge(`${policies}/good`, { spec: { selector: null } });
    await s.create(policies, policy('unset', {}));
  },
};
