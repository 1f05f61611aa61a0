/**
 * Leaving DISABLE within Preparing: pin the clients to plaintext, set PERMISSIVE, take the pins away. Each part begins
 * when the one before has had the time to reach every proxy, told by the objects themselves.
 */
import type { StepStatus } from '../../api/status.ts';
import { suspended } from '../gates.ts';
import { raise } from '../intended.ts';
import { settledAt } from '../made.ts';
import type { Wait } from '../move.ts';
import { newPin, type Pin, pinName, unpin } from '../pins.ts';
import type { ScopeState } from '../scopeState.ts';
import type { Situation } from '../situation.ts';
import { clockTime, counted, listed, nameOf, timestamp } from '../text.ts';
import type { Write } from '../writes.ts';
import { BACKSTOP, deadlineOf, isLate, limitText } from './deadline.ts';
import { stepText } from './story.ts';

/** What one part of the way asks for: writes, or time. */
interface Part {
  what: string;
  writes: Write[];
  until?: number;
}

/** What is still to do until the step stands on PERMISSIVE without pins; undefined when nothing is. */
export function leaving(situation: Situation, step: StepStatus, states: readonly ScopeState[]): Wait | undefined {
  const pins = situation.pins(states);
  const changed = pins.find(({ untouched }) => !untouched);
  if (changed) return changedByOthers(situation, step, changed);
  const below = states.filter(({ effective }) => effective.mode === 'DISABLE');
  const parts = [...below.map(state => raised(situation, step, state, pins)), unpinned(situation, step, states, pins)];
  const open = parts.filter(part => part !== undefined);
  const [first] = open;
  if (!first) return undefined;
  const { now } = situation;
  const once = new Map(open.flatMap(({ writes }) => writes).map(write => [keyOf(write), write]));
  const untils = open.flatMap(({ until }) => until ?? []);
  return {
    kind: 'Wait',
    phase: 'Preparing',
    step: once.size > 0 ? { ...step, pinsAt: timestamp(now) } : step,
    on: once.size > 0 ? 'writes' : 'pins',
    message: `${stepText(step)}: ${listed(step.scopes)} leaving DISABLE since ${clockTime(Date.parse(step.since), now)}: ${first.what}${limitText(situation, step)}`,
    ...(isLate(situation, step) ? { stalled: 'ProgressDeadlineExceeded' } : {}),
    writes: [...once.values()],
    nextLookAt: Math.min(now + BACKSTOP, ...untils, ...[deadlineOf(situation, step)].filter(time => time > now)),
  };
}

/** Pins where nothing leaves DISABLE any more: under STRICT they would cut clients off. */
export function strayPins(situation: Situation, step: StepStatus | undefined): Wait | undefined {
  const stray = situation.pins().filter(({ untouched }) => untouched);
  if (stray.length === 0) return undefined;
  const held = suspended(situation, step ?? null);
  const phase = step && step.stage !== 'Done' ? step.stage : 'Pending';
  return (
    held ?? {
      kind: 'Wait',
      phase,
      step: step ?? null,
      on: 'pins',
      message: `${counted(stray.length, 'pin')} to remove that nothing needs any more, first ${nameOf(stray[0]!.rule)}`,
      writes: stray.map(unpin),
      nextLookAt: situation.now + BACKSTOP,
    }
  );
}

/** Pins for every Service of a scope, and when they are obeyed PERMISSIVE. */
function raised(situation: Situation, step: StepStatus, state: ScopeState, pins: readonly Pin[]): Part | undefined {
  const { input, now } = situation;
  const { services, unread } = situation.pinning(state);
  if (unread) return { what: `the Services of ${state.scope.namespace} are being read`, writes: [], until: now };
  if (services.length === 0) return undefined;
  const at = timestamp(now);
  const there = services.flatMap(service => pins.filter(({ rule }) => isFor(rule.metadata, service)));
  const missing = services.filter(service => !there.some(({ rule }) => isFor(rule.metadata, service)));
  if (missing.length > 0) {
    const objects = missing.map(service => newPin(input.rollout, state.key, service, at));
    const what = `${counted(missing.length, 'DestinationRule')} to write that pin the clients of ${state.key} to plaintext`;
    return { what, writes: objects.map(object => ({ verb: 'create', object })) };
  }
  const times = there.map(({ since }) => since);
  const settled = settledAt(step.pinsAt, times, now);
  if (now < settled)
    return {
      what: `clients of ${state.key} are pinned to plaintext, PERMISSIVE follows at ${clockTime(settled, now)}`,
      writes: [],
      until: settled,
    };
  const write = raise(input.rollout, state, 'PERMISSIVE', input.world.policies, at);
  // another policy decides: no more can be done here
  return write && { what: `${state.key} to be set to PERMISSIVE`, writes: [write] };
}

/** The pins that no scope needs any more: those of scopes that have been PERMISSIVE long enough. */
function unpinned(
  situation: Situation,
  step: StepStatus,
  states: readonly ScopeState[],
  pins: readonly Pin[],
): Part | undefined {
  const { now } = situation;
  const needed = states.flatMap(state => situation.pinning(state).services);
  const done = pins.filter(({ rule }) => !needed.some(service => isFor(rule.metadata, service)));
  if (done.length === 0) {
    const until = settledAt(step.pinsAt, [], now);
    if (now >= until) return undefined;
    return { what: `pins removed, clients go over to mutual TLS until ${clockTime(until, now)}`, writes: [], until };
  }
  const permissive = states.filter(({ effective }) => effective.mode === 'PERMISSIVE');
  const until = permissive.length > 0 ? settledAt(step.pinsAt, permissive.flatMap(timesOf), now) : now;
  if (now < until)
    return { what: `PERMISSIVE is set, the pins stay until ${clockTime(until, now)}`, writes: [], until };
  return { what: `${counted(done.length, 'pin')} to remove`, writes: done.map(unpin) };
}

/** When the policy was written, as its marks and the API server tell. */
function timesOf({ mark, effective }: ScopeState): number[] {
  const times = (effective.decidedBy?.metadata.managedFields ?? []).map(({ time = '' }) => Date.parse(time));
  return [Date.parse(mark?.applied?.at ?? ''), ...times];
}

function changedByOthers(situation: Situation, step: StepStatus, { rule }: Pin): Wait {
  return {
    kind: 'Wait',
    phase: 'Paused',
    step,
    on: 'pins',
    message: `wave ${step.wave} is paused: ${nameOf(rule)}, which pins clients while ${listed(step.scopes)} leaves DISABLE, was changed by somebody else; delete it, or take the annotations mtlsrollout.io/* off it to keep it`,
    stalled: 'FieldConflict',
    nextLookAt: situation.now + BACKSTOP,
  };
}

function isFor(metadata: { namespace: string; name: string }, service: Parameters<typeof pinName>[0]): boolean {
  return metadata.namespace === service.namespace && metadata.name === pinName(service);
}

/** Two scopes may share a Service, and with it a pin. */
function keyOf(write: Write): string {
  const { kind } = write.verb === 'create' ? write.object : write.target;
  const { namespace, name } = write.verb === 'create' ? write.object.metadata : write.target;
  return `${kind} ${namespace}/${name}`;
}
