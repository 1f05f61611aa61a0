/**
 * Rules for clients: written before the first policy of a step says STRICT, and taken back when every original is
 * restored. Each waits until what came before has had the time to reach every proxy.
 */
import type { StepStatus } from '../../api/status.ts';
import { settledAt } from '../pins.ts';
import { adoption, newClientRule, noted, undo, type ClientRule } from '../ruleMarks.ts';
import type { WantedRule } from '../clientRules.ts';
import type { Wait } from '../move.ts';
import type { ScopeState } from '../scopeState.ts';
import type { Situation } from '../situation.ts';
import { clockTime, counted, listed, nameOf, timestamp } from '../text.ts';
import { targetOf, type Write } from '../writes.ts';
import { BACKSTOP, deadlineOf } from './deadline.ts';
import { stepText } from './story.ts';

/** Rules taken back by one decision. */
const BATCH = 100;

/** What the clients of scopes that are about to be STRICT still need; undefined when they are ready. */
export function clientsFirst(situation: Situation, step: StepStatus, left: readonly ScopeState[]): Wait | undefined {
  const { input, now } = situation;
  const { rollout } = input;
  const at = timestamp(now);
  const needs = needsOf(situation, left);
  const writes = [...needs.values()].flatMap(need => ruleWrite(rollout, need, at) ?? []);
  const settled = settledAt(
    step,
    [...needs.values()].flatMap(({ there }) => there?.since ?? []),
    now,
  );
  if (writes.length === 0 && (needs.size === 0 || now >= settled)) return undefined;
  const about = `${stepText(step)}: before ${listed(step.scopes)} switch to STRICT, since ${clockTime(Date.parse(step.since), now)}: `;
  const deadline = deadlineOf(situation, step);
  const what =
    writes.length > 0
      ? `${counted(writes.length, 'DestinationRule')} to write that tell clients to use mutual TLS, until ${clockTime(deadline, now)}`
      : `rules tell clients to use mutual TLS, STRICT follows at ${clockTime(settled, now)}`;
  return {
    kind: 'Wait',
    phase: 'Enforcing',
    step: writes.length > 0 ? { ...step, pinsAt: at } : step,
    on: writes.length > 0 ? 'writes' : 'rules',
    message: about + what,
    writes,
    nextLookAt: writes.length > 0 ? now + BACKSTOP : settled,
  };
}

interface Need extends WantedRule {
  scopes: string[];
}

/** Scopes of a step may share a Service, and with it a rule. */
function needsOf(situation: Situation, states: readonly ScopeState[]): Map<string, Need> {
  const needs = new Map<string, Need>();
  for (const state of states)
    for (const wanted of situation.clientRules(state).wanted) {
      const { namespace, name } = wanted.front;
      const known = needs.get(`${namespace}/${name}`);
      if (known) known.scopes.push(state.key);
      else needs.set(`${namespace}/${name}`, { ...wanted, scopes: [state.key] });
    }
  return needs;
}

function ruleWrite(
  rollout: Situation['input']['rollout'],
  { there, toAdopt, front, scopes }: Need,
  at: string,
): Write | undefined {
  if (!there && !toAdopt) return { verb: 'create', object: newClientRule(rollout, scopes, front, at) };
  if (toAdopt) return { verb: 'patch', target: targetOf(toAdopt), patch: adoption(rollout, scopes, toAdopt, at) };
  if (!there) return undefined;
  const all = [...new Set([...there.scopes, ...scopes])];
  if (there.rollout === rollout.metadata.uid && all.length === there.scopes.length) return undefined;
  return { verb: 'patch', target: targetOf(there.rule), patch: noted(rollout, there, all) };
}

/**
 * The rules that nothing needs any more once policies are restored; `gone` tells of which scopes they are. Undefined
 * when none is left.
 */
export function rulesLast(
  situation: Situation,
  settlingSince: string | undefined,
  gone: (scope: string) => boolean,
): Omit<Wait, 'step'> | undefined {
  const { now, input } = situation;
  const left = situation.ownClientRules().flatMap(client => {
    const keep = client.scopes.filter(scope => !gone(scope));
    return client.scopes.length > 0 && keep.length === client.scopes.length ? [] : [{ client, keep }];
  });
  if (left.length === 0) return undefined;
  const since = settlingSince ?? timestamp(now);
  const until = settledAt({ pinsAt: since }, [], now);
  const base = { kind: 'Wait', phase: 'RollingBack', settlingSince: since } as const;
  if (now < until)
    return {
      ...base,
      on: 'rules',
      message: `policies are restored, ${counted(left.length, 'rule')} for clients ${left.length === 1 ? 'stays' : 'stay'} until ${clockTime(until, now)}`,
      nextLookAt: until,
    };
  const writes = left.slice(0, BATCH).flatMap(({ client, keep }) => takenBack(input.rollout, client, keep) ?? []);
  const damaged = left.find(({ client }) => client.original === 'Damaged')?.client.rule;
  const advice = damaged
    ? `; the recorded original of ${nameOf(damaged)} is damaged: bring it to what it should say and remove its annotations mtlsrollout.io/*`
    : '';
  return {
    ...base,
    on: damaged ? 'DamagedOriginal' : 'writes',
    message: `${counted(left.length, 'rule')} for clients to take back${advice}`,
    ...(damaged && writes.length === 0 ? { stalled: 'DamagedOriginal' } : {}),
    writes,
    nextLookAt: now + BACKSTOP,
  };
}

function takenBack(rollout: Situation['input']['rollout'], client: ClientRule, keep: string[]): Write | undefined {
  if (keep.length === 0) return undo(client);
  return { verb: 'patch', target: targetOf(client.rule), patch: noted(rollout, client, keep) };
}
