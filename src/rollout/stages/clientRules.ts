/**
 * Rules for clients: written before the first policy of a step says STRICT (before evidence is looked for, where
 * clients send plaintext until then), and taken back when every original is restored. Each waits until what came
 * before has had the time to reach every proxy.
 */
import type { StepStatus } from '../../api/status.ts';
import { settledAt } from '../made.ts';
import { adoption, newClientRule, noted, undo, type ClientRule } from '../ruleMarks.ts';
import type { WantedRule } from '../clientRules.ts';
import type { Wait } from '../move.ts';
import type { ScopeState } from '../scopeState.ts';
import type { Situation } from '../situation.ts';
import { clockTime, counted, listed, nameOf, timestamp } from '../text.ts';
import { targetOf, type Write } from '../writes.ts';
import { BACKSTOP, isLate, limitText } from './deadline.ts';
import { stepText } from './story.ts';

/** Rules taken back by one decision. */
const BATCH = 100;

/** What the clients of scopes that are about to be STRICT still need; undefined when they are ready. */
export function clientsFirst(
  situation: Situation,
  step: StepStatus,
  left: readonly ScopeState[],
  when: 'BeforeEvidence' | 'BeforeStrict',
): Wait | undefined {
  const { input, now } = situation;
  const { rollout } = input;
  const at = timestamp(now);
  const needs = needsOf(situation, left, when);
  const writes = [...needs.values()].flatMap(need => ruleWrite(rollout, need, at) ?? []);
  const settled = settledAt(
    step.rulesAt,
    [...needs.values()].flatMap(({ there }) => there?.since ?? []),
    now,
  );
  if (writes.length === 0 && (needs.size === 0 || now >= settled)) return undefined;
  const next = when === 'BeforeStrict' ? 'STRICT follows' : 'evidence is looked for';
  const what =
    writes.length > 0
      ? `${counted(writes.length, 'DestinationRule')} to write that ${writes.length === 1 ? 'tells' : 'tell'} them to`
      : `they are told to, ${next} at ${clockTime(settled, now)}`;
  return {
    kind: 'Wait',
    phase: when === 'BeforeStrict' ? 'Enforcing' : 'Preparing',
    step: writes.length > 0 ? { ...step, rulesAt: at } : step,
    on: writes.length > 0 ? 'writes' : 'rules',
    message: `${stepText(step)}: clients of ${listed(step.scopes)} have to use mutual TLS, since ${clockTime(Date.parse(step.since), now)}: ${what}${limitText(situation, step)}`,
    ...(isLate(situation, step) ? { stalled: 'ProgressDeadlineExceeded' } : {}),
    writes,
    nextLookAt: writes.length > 0 ? now + BACKSTOP : settled,
  };
}

interface Need extends WantedRule {
  scopes: string[];
}

/** Scopes of a step may share a Service, and with it a rule. */
function needsOf(
  situation: Situation,
  states: readonly ScopeState[],
  when: 'BeforeEvidence' | 'BeforeStrict',
): Map<string, Need> {
  const needs = new Map<string, Need>();
  for (const state of states)
    for (const wanted of situation.clientRules(state).wanted) {
      if (when === 'BeforeEvidence' && !wanted.forEvidence) continue;
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
 * The rules that nothing needs any more once policies are restored; `gone` tells of which scopes they are,
 * `written` how many there were when they were last seen. Undefined when none is left.
 */
export function rulesLast(
  situation: Situation,
  settlingSince: string | undefined,
  gone: (scope: string) => boolean,
  written: number,
): Omit<Wait, 'step'> | undefined {
  const { now, input } = situation;
  if (!input.world.rules && written > 0)
    return {
      kind: 'Wait',
      phase: 'RollingBack',
      on: 'RulesNotSeen',
      message: `policies are restored, and ${counted(written, 'rule')} for clients cannot be taken back: the DestinationRules of the cluster cannot be seen; allow the operator to list and watch them`,
      stalled: 'RulesNotSeen',
    };
  const left = situation.ownClientRules().flatMap(client => {
    const keep = client.scopes.filter(scope => !gone(scope));
    return client.scopes.length > 0 && keep.length === client.scopes.length ? [] : [{ client, keep }];
  });
  if (left.length === 0) return undefined;
  const since = settlingSince ?? timestamp(now);
  const until = settledAt(since, [], now);
  const base = { kind: 'Wait', phase: 'RollingBack', settlingSince: since } as const;
  // what is DISABLE again takes no mutual TLS any more
  const due = left.filter(({ client }) => now >= until || isDisabled(situation, client));
  if (due.length === 0)
    return {
      ...base,
      on: 'rules',
      message: `policies are restored, ${counted(left.length, 'rule')} for clients ${left.length === 1 ? 'stays' : 'stay'} until ${clockTime(until, now)}`,
      nextLookAt: until,
    };
  const writes = due.slice(0, BATCH).flatMap(({ client, keep }) => takenBack(input.rollout, client, keep) ?? []);
  const damaged = due.find(({ client }) => client.original === 'Damaged')?.client.rule;
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

function isDisabled(situation: Situation, { scopes }: ClientRule): boolean {
  return scopes.some(key => situation.state(key)?.effective.mode === 'DISABLE');
}

function takenBack(rollout: Situation['input']['rollout'], client: ClientRule, keep: string[]): Write | undefined {
  if (keep.length === 0) return undo(client);
  return { verb: 'patch', target: targetOf(client.rule), patch: noted(rollout, client, keep) };
}
