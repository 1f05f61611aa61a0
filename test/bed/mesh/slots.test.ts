/** Several policies in one slot: what the rollout's status claims equals what clients get, whoever comes, wins or goes. */
import assert from 'node:assert/strict';
import { constant, constantFrom, oneof, record, sample } from 'fast-check';
import type { Mode } from '../../../src/istio/objects.ts';
import { create, policyPath, remove, rolloutPath, type RolloutObject, userPolicy } from '../rollouts.ts';
import { read } from '../observe.ts';
import { waitFor } from '../waiting.ts';
import type { Mesh } from './mesh.ts';
import type { MeshPod } from './pods.ts';
import { figure, meshFor, spread } from './suite.ts';

const PATH = rolloutPath('watch', 'demo');
/** What status says and what a stranger gets may differ for so long. */
const WITHIN_MS = 2_000;

type Act = { does: 'create'; name: string; mode: Mode } | { does: 'delete'; name: string };

const creating = record({
  does: constant('create' as const),
  name: constantFrom('aaa', 'mmm', 'zzz'),
  mode: constantFrom<Mode>('PERMISSIVE', 'STRICT'),
});
const deleting = record({ does: constant('delete' as const), name: constantFrom('aaa', 'mmm', 'zzz') });

describe('two policies in one slot on a real mesh', () => {
  let mesh: Mesh;
  let stranger: MeshPod;
  let address: string;
  const disagreed: number[] = [];

  before(async function () {
    mesh = await meshFor(this);
    await mesh.add(
      { namespace: 'demo', name: 'server', ports: [{ name: 'http', port: 8080, serves: 'http' }] },
      { namespace: 'elsewhere', name: 'stranger', ports: [], meshed: false, service: false },
    );
    stranger = mesh.pod('elsewhere/stranger');
    address = await stranger.addressOf('demo/server', 8080);
    await mesh.startOperator();
    await create(mesh.api, 'watch', { mode: 'Plan', target: { namespace: {} } }, 'demo');
  });
  after(() => mesh?.stop());

  it('obeys the older one, and the younger once the older is deleted', async () => {
    await act({ does: 'create', name: 'older', mode: 'PERMISSIVE' });
    assert.equal(await agreed(), 'PERMISSIVE');
    await nextSecond();
    await act({ does: 'create', name: 'younger', mode: 'STRICT' });
    assert.equal(await agreed(), 'PERMISSIVE');
    await act({ does: 'delete', name: 'older' });
    assert.equal(await agreed('STRICT'), 'STRICT');
    await act({ does: 'create', name: 'older', mode: 'PERMISSIVE' });
    assert.equal(await agreed(), 'STRICT', 'made anew it is the younger one');
    await act({ does: 'delete', name: 'younger' });
    assert.equal(await agreed('PERMISSIVE'), 'PERMISSIVE');
    await act({ does: 'delete', name: 'older' });
  });

  it('goes by name where both are of the same second', async () => {
    await nextSecond();
    await Promise.all([
      act({ does: 'create', name: 'zzz', mode: 'PERMISSIVE' }),
      act({ does: 'create', name: 'aaa', mode: 'STRICT' }),
    ]);
    const [a, z] = await Promise.all(['aaa', 'zzz'].map(name => read(mesh.api, policyPath('demo', name))));
    assert.equal(a!.metadata.creationTimestamp, z!.metadata.creationTimestamp);
    assert.equal(await agreed('STRICT'), 'STRICT');
    await act({ does: 'delete', name: 'aaa' });
    assert.equal(await agreed('PERMISSIVE'), 'PERMISSIVE');
    await act({ does: 'delete', name: 'zzz' });
  });

  it('says the truth through any coming and going', async function () {
    this.timeout(240_000);
    const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
    const acts = sample(oneof({ weight: 3, arbitrary: creating }, { weight: 2, arbitrary: deleting }), {
      seed,
      numRuns: 30,
    });
    for (const [index, each] of acts.entries()) {
      try {
        await act(each);
        await agreed();
      } catch (error) {
        throw new Error(`act ${index} of seed ${seed}: ${JSON.stringify(acts.slice(0, index + 1))}`, { cause: error });
      }
    }
    figure('status and clients disagreed for (least / median / most, 41 changes)', spread(disagreed));
  });

  async function act(each: Act): Promise<void> {
    if (each.does === 'create') await userPolicy(mesh.api, 'demo', each.name, { mtls: { mode: each.mode } });
    else await remove(mesh.api, policyPath('demo', each.name));
  }

  /** What status and stranger say when they say the same and, where that is expected, this; both within two seconds. */
  async function agreed(expected?: Mode): Promise<Mode> {
    const began = Date.now();
    let apart = 0;
    let seen: [Mode, Mode] | undefined;
    // a change that shows in neither yet is no agreement: looked at until both have had the time to see it
    const settled = await waitFor(
      async () => {
        seen = await Promise.all([claimed(), got()]);
        const same = seen[0] === seen[1] && (expected === undefined || seen[0] === expected);
        if (!same) apart = Date.now() - began;
        return Date.now() - began > (expected === undefined ? 1_000 : apart + 300) && same ? seen[0] : undefined;
      },
      `status and clients to agree`,
      WITHIN_MS + 1_000,
    ).catch((error: unknown) => {
      throw new Error(`status says ${seen?.[0]}, a stranger is treated as under ${seen?.[1]}`, { cause: error });
    });
    assert.ok(apart <= WITHIN_MS, `disagreed for ${apart} ms`);
    disagreed.push(apart);
    return settled;
  }

  async function claimed(): Promise<Mode> {
    const { status } = (await read<RolloutObject>(mesh.api, PATH))!;
    return status?.strict?.done === 1 ? 'STRICT' : 'PERMISSIVE';
  }

  async function got(): Promise<Mode> {
    const answer = await stranger.request({ address, timeoutMs: 1000 });
    return answer.failed !== undefined ? 'STRICT' : 'PERMISSIVE';
  }

  async function nextSecond(): Promise<void> {
    const second = Math.floor(Date.now() / 1000);
    await waitFor(() => Math.floor(Date.now() / 1000) > second, 'the next second', 2_000);
  }
});
