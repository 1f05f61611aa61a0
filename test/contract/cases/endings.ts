/** How objects and namespaces go: finalizers, and what a namespace takes with it. */
import { collections, NAMESPACES, policy, widget } from '../objects.ts';
import type { Case } from '../script.ts';

export const endings: Record<string, Case> = {
  'a finalizer holds a deletion up': async s => {
    const { widgets } = collections(s.namespace);
    const path = `${widgets}/w`;
    const made = await s.create(
      widgets,
      widget('w', { size: 1 }, { finalizers: ['contract.test/hold', 'contract.test/wait'] }),
    );
    await s.remove(path);
    await s.remove(path);
    await s.get(path);
    await s.merge(path, {
      metadata: { finalizers: ['contract.test/hold', 'contract.test/wait', 'contract.test/late'] },
    });
    await s.merge(path, { spec: { size: 2 } });
    await s.create(widgets, widget('w'));
    await s.merge(path, { metadata: { finalizers: ['contract.test/hold'] } });
    await s.merge(path, { metadata: { finalizers: null } });
    await s.get(path);
    await s.watch(widgets, { resourceVersion: made.body.metadata.resourceVersion }, 4);
  },

  'a finalizer of a custom resource may have any name': async s => {
    const { widgets } = collections(s.namespace);
    await s.create(widgets, widget('w', { size: 1 }, { finalizers: ['hold'] }));
  },

  'a namespace takes everything with it': async s => {
    const { widgets, policies } = collections(s.namespace);
    const own = `${NAMESPACES}/${s.namespace}`;
    await s.create(widgets, widget('w', { size: 1 }, { finalizers: ['contract.test/hold'] }));
    await s.create(policies, policy('p', {}));
    const began = await s.quietly({ method: 'DELETE', path: own });
    s.note('deletion answered', [began.status, began.body['kind'], (began.body['status'] as { phase?: string }).phase]);
    s.note('free objects go', await s.until(`${policies}/p`, ({ status }) => status === 404));
    s.note('held objects wait', await s.until(`${widgets}/w`, ({ body }) => 'deletionTimestamp' in body.metadata));
    await s.create(policies, policy('late', {}));
    const seen = await s.quietly({ method: 'GET', path: own });
    s.note('meanwhile', [seen.status, (seen.body['status'] as { phase?: string }).phase]);
    await s.merge(`${widgets}/w`, { metadata: { finalizers: null } });
    s.note('then the namespace goes', await s.until(own, ({ status }) => status === 404));
    await s.get(own);
  },
};
