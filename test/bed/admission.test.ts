/**
 * Every rule of the resource, judged by a real API server: what just passes is taken, what just does not is refused,
 * and the message names the field. What only the operator can see, the operator says.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { buildCrd } from '../../src/api/crd.ts';
import type { KubeResponse } from '../../src/cluster/transport.ts';
import { type RuleCase } from '../api/rules/rule-case.ts';
import { ruleCases } from '../api/rule-cases.ts';
import { bedWithOperator } from './bed.ts';
import { read, type Seen, waitForGone } from './observe.ts';
import { condition, create, patch, quick, remove, rollout, rolloutPath, untilPhase, untilStatus } from './rollouts.ts';

const ROOT = join(import.meta.dirname, '../..');
const CRD = 'customresourcedefinition.apiextensions.k8s.io/mtlsrollouts.mtlsrollout.io';
const COLLECTION = '/apis/mtlsrollout.io/v1alpha1/namespaces/default/mtlsrollouts';

describe('the resource on a real API server', () => {
  const on = bedWithOperator();

  it('is installed by kubectl apply and by server-side apply alike, and is structural', async () => {
    const { plane, api } = on.bed;
    for (const how of [['--server-side', '--force-conflicts'], []]) {
      const { stdout, stderr } = await plane.kubectl(['apply', ...how, '-k', join(ROOT, 'config/crd')]);
      assert.match(stdout, new RegExp(`^${CRD} (serverside-applied|configured|unchanged)`));
      assert.doesNotMatch(stderr, /error|unrecognized/i);
    }
    const definition = await read<Seen & { status: { conditions: { type: string; status: string }[] } }>(
      api,
      `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/mtlsrollouts.mtlsrollout.io`,
    );
    const holds = definition!.status.conditions.filter(({ status }) => status === 'True').map(({ type }) => type);
    assert.deepEqual(holds.sort(), ['Established', 'NamesAccepted']);
  });

  const said = messagesIn(buildCrd());

  describe('takes what just keeps a rule, and refuses what just breaks it', () => {
    for (const each of ruleCases.filter(({ operatorOnly }) => !operatorOnly))
      it(each.rule, async () => {
        const [good, bad] = [await dryRun(each.good), await dryRun(each.bad)];
        assert.equal(good.status, 201, messageOf(good));
        assert.ok(bad.status === 422 || bad.status === 400, `${bad.status}: ${messageOf(bad)}`);
        const [path, sentence] = halvesOf(each);
        assert.ok(messageOf(bad).includes(path), `${messageOf(bad)}\ndoes not name ${path}`);
        // where already the type is wrong, no rule is asked
        const isAsked = !messageOf(bad).includes('some validation rules were not checked');
        if (isAsked && said.some(message => message.startsWith(sentence)))
          assert.ok(messageOf(bad).includes(sentence), messageOf(bad));
      });
  });

  describe('what the API server cannot see, the operator says', () => {
    for (const [i, each] of ruleCases.filter(({ operatorOnly }) => operatorOnly).entries())
      it(each.rule, async () => {
        const good = await dryRun(each.good);
        assert.equal(good.status, 201, messageOf(good));
        const name = `only-operator-${i}`;
        await create(on.bed.api, name, each.bad as never, 'default');
        const path = rolloutPath(name, 'default');
        const refused = await untilPhase(on.bed.api, path, 'Refused', 20_000);
        assert.ok(refused.status!.message!.includes(each.problem), refused.status!.message);
        assert.equal(condition(refused, 'Stalled')?.reason, 'Invalid');
        await remove(on.bed.api, path);
      });
  });

  it('a name that is too long for a label is refused', async () => {
    const answer = await dryRun({ target: { namespace: {} } }, 'n'.repeat(64));
    assert.equal(answer.status, 422);
    assert.match(messageOf(answer), /metadata\.name.*at most 63 characters/);
    assert.equal((await dryRun({ target: { namespace: {} } }, 'n'.repeat(63))).status, 201);
  });

  it('a wave that has begun keeps its name and place', async () => {
    const { api } = on.bed;
    const path = rolloutPath('begun');
    await create(api, 'begun', quick(['ad', 'email']));
    await untilStatus(api, path, ({ waves }) => waves?.[0]?.phase === 'Progressing', 'the wave to begin');
    const renamed = { spec: { strategy: { waves: [{ name: 'other', names: ['ad', 'email'] }] } } };
    await assert.rejects(patch(api, path, renamed), /answered 422.*waves that have begun keep their name and place/);
    const added = [
      { name: 'all', names: ['ad', 'email'], soak: '1s' },
      { name: 'more', names: ['cart'] },
    ];
    await patch(api, path, { spec: { strategy: { waves: added } } });
    await remove(api, path);
    await waitForGone(api, path, 10_000);
  });

  it('a default that nobody wrote is there', async () => {
    const answer = await dryRun({ target: { namespace: {} } });
    const { spec } = answer.body as { spec: Record<string, unknown> };
    assert.deepEqual([spec['mode'], spec['adopt'], spec['deletionPolicy']], ['Enforce', 'Unmanaged', 'Keep']);
  });

  /** Created as kubectl creates, but for that nothing is kept. */
  function dryRun(spec: object, name = 'trial'): Promise<KubeResponse> {
    const query = { dryRun: 'All', fieldValidation: 'Strict' };
    const body = { ...rollout(name, {} as never, 'default'), spec };
    return on.bed.api.call({ method: 'POST', path: COLLECTION, query, body });
  }
});

/** The field and the sentence of a problem. Where the whole spec is meant, or a field is unknown, the field is enough. */
function halvesOf({ problem }: RuleCase): [string, string] {
  const cut = problem.indexOf(': ');
  return [problem.slice(0, cut), problem.slice(cut + 2)];
}

/** What the definition itself says; what Kubernetes checks by schema, it says in its own words. */
function messagesIn(node: unknown): string[] {
  if (typeof node !== 'object' || node === null) return [];
  const { rule, message } = node as { rule?: string; message?: string };
  return typeof rule === 'string' && message !== undefined ? [message] : Object.values(node).flatMap(messagesIn);
}

function messageOf({ body }: KubeResponse): string {
  return (body as { message?: string }).message ?? '';
}
