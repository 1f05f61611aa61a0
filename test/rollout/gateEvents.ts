/** Gates that close and open while a rollout goes on, and whether they were open, told without the operator's own code. */
import * as fc from 'fast-check';
import { APPROVE_ANNOTATION } from '../../src/api/resource.ts';
import type { SpecInput } from '../../src/api/schema.ts';
import type { Status } from '../../src/api/status.ts';
import type { Outside } from '../../src/rollout/gates/outside.ts';
import type { TestMesh } from './mesh.ts';

export type GateEvent =
  | { kind: 'freeze'; there: boolean }
  | { kind: 'alert'; state: 'quiet' | 'fires' | 'unseen' }
  | { kind: 'budget'; room: boolean }
  /** Of every wave: the plan that status shows, or one that is none. */
  | { kind: 'approve'; plan: 'shown' | 'other' };

export const gateEvent: fc.Arbitrary<GateEvent> = fc.oneof(
  fc.record({ kind: fc.constant('freeze' as const), there: fc.constantFrom(true, false, false) }),
  fc.record({
    kind: fc.constant('alert' as const),
    state: fc.constantFrom('quiet' as const, 'quiet' as const, 'fires' as const, 'unseen' as const),
  }),
  fc.record({ kind: fc.constant('budget' as const), room: fc.constantFrom(true, true, false) }),
  fc.record({
    kind: fc.constant('approve' as const),
    plan: fc.constantFrom('shown' as const, 'shown' as const, 'other' as const),
  }),
);

/** Hours of the day in UTC, the first one inside. */
type Hours = [number, number];

const SCHEDULES: [SpecInput['schedule'], Hours][] = [
  [{ windows: [{ kind: 'Allow', from: '09:00', to: '17:00' }] }, [9, 17]],
  [{ windows: [{ kind: 'Deny', from: '22:00', to: '10:00' }] }, [10, 22]],
];

/** Members of a spec. */
export const schedule = fc.constantFrom<Pick<SpecInput, 'schedule'>>(
  {},
  {},
  ...SCHEDULES.map(([given]) => ({ schedule: given! })),
);

export class Gates {
  #frozen = false;
  #alert: 'quiet' | 'fires' | 'unseen' = 'quiet';
  #room = true;
  /** Since when everybody has approved everything, and nothing holds. */
  #calm = false;

  happen(event: GateEvent, mesh: TestMesh): void {
    if (event.kind === 'freeze') this.#frozen = event.there;
    if (event.kind === 'alert') this.#alert = event.state;
    if (event.kind === 'budget') this.#room = event.room;
    if (event.kind === 'approve') approve(mesh, event.plan);
  }

  calm(): void {
    [this.#frozen, this.#alert, this.#room, this.#calm] = [false, 'quiet', true, true];
  }

  /** Before a decision: what the cluster says now. */
  tell(mesh: TestMesh): void {
    if (this.#calm) approve(mesh, 'shown');
    const { now } = mesh;
    const firing = this.#alert === 'fires' ? [{ name: 'Burning', since: now - 60_000, labels: {} }] : [];
    const other = { name: 'other/older', isOlder: true, moving: 1, isFailing: false, isWaiting: false, wanted: 0 };
    mesh.outside = {
      freeze: { freeze: this.#frozen ? { namespace: 'ops', reason: 'a release', since: now } : undefined },
      alerts: { at: now, ...(this.#alert === 'unseen' ? { unseen: 'no answer' } : { firing }) },
      budget: { limits: { movingScopes: 4 }, neighbours: this.#room ? [] : [{ ...other, moving: 4 }] },
    } satisfies Outside;
  }

  /** Why nothing may become STRICT now; undefined when it may. */
  closed({ rollout, now }: TestMesh, { waves = [] }: Status, wave: string): string | undefined {
    if (this.#frozen) return 'frozen';
    if (this.#alert !== 'quiet') return `alert ${this.#alert}`;
    const { spec, metadata } = rollout;
    const hours = SCHEDULES.find(
      ([given]) => JSON.stringify(given!.windows![0]!.from) === JSON.stringify(spec.schedule?.windows[0]?.from),
    );
    const hour = new Date(now).getUTCHours();
    if (hours && (hour < hours[1][0] || hour >= hours[1][1])) return `${hour} o'clock`;
    const needs = spec.strategy.waves.some(({ name, approval }) => name === wave && approval === 'Required');
    const plan = waves.find(({ name }) => name === wave)?.plan;
    const given = metadata.annotations?.[APPROVE_ANNOTATION] ?? '';
    return needs && !given.includes(`${wave}=${plan} by`) ? `no approval of ${wave} ${plan} in "${given}"` : undefined;
  }
}

function approve(mesh: TestMesh, plan: 'shown' | 'other'): void {
  const items = (mesh.status.waves ?? []).map(
    wave => `${wave.name}=${plan === 'shown' ? wave.plan : '00000000'} by sam`,
  );
  mesh.annotate(APPROVE_ANNOTATION, items.join(', '));
}
