/** Which Services in front of a scope need a rule for their clients, and what makes one impossible. */
import type { MtlsRollout } from '../api/resource.ts';
import type { Hazard } from '../api/status.ts';
import { destinationRuleIndex, fqdn, hostOf } from '../istio/destinationRuleLookup.ts';
import type { DestinationRule } from '../istio/objects.ts';
import { managerOf } from '../istio/ownership.ts';
import { byAge } from '../istio/policies.ts';
import { type ClientMode, type Clients, type ClientView, clientView, rulesAbout } from './clientView.ts';
import type { Front } from './fronts.ts';
import { mergePatch } from './mergePatch.ts';
import { adoption, type ClientRule, clientRuleName, clientRuleOf, newClientRule, withoutRollout } from './ruleMarks.ts';
import type { ScopeState } from './scopeState.ts';
import { listed, nameOf } from './text.ts';
import type { World } from './world.ts';

/** A rule that is needed: one of the rollout's that is there, one of somebody else's to be patched, or none yet. */
export interface WantedRule {
  front: Front;
  there: ClientRule | undefined;
  toAdopt: DestinationRule | undefined;
  /** The rule as it is, or will be. */
  result: DestinationRule;
  /** Whether clients send plaintext until it is there: without it there would never be evidence. */
  forEvidence: boolean;
}

export interface ClientRules {
  wanted: readonly WantedRule[];
  hazards: readonly Hazard[];
}

type Ground = Pick<World, 'rules' | 'rootNamespace'>;

interface Judging {
  rules: readonly DestinationRule[];
  /** Those that may say something of one of the fronts. */
  about: readonly DestinationRule[];
  rootNamespace: string;
}

/** What the fronts of a scope need by the rules of the cluster. */
export function clientRulesOf(
  rollout: MtlsRollout,
  { rules, rootNamespace }: Ground,
  { key }: Pick<ScopeState, 'key'>,
  fronts: readonly Front[],
): ClientRules {
  const wanted: WantedRule[] = [];
  const hazards: Hazard[] = [];
  if (!rules) return { wanted, hazards: fronts.some(({ need }) => need === 'Always') ? [notSeen(key)] : [] };
  // sorted for every front, so only what concerns one of them
  const about = rulesAbout(rules, fronts);
  for (const front of fronts) {
    const answer = judged(rollout, { rules, about, rootNamespace }, key, front);
    if (answer && 'code' in answer) hazards.push(answer);
    else if (answer) wanted.push(answer);
  }
  return { wanted, hazards };
}

/** The rules as they are once these were written. */
export function rulesAfter(rules: readonly DestinationRule[], results: readonly DestinationRule[]): DestinationRule[] {
  const replaced = new Set(results.map(nameOf));
  return [...rules.filter(rule => !replaced.has(nameOf(rule))), ...results];
}

function judged(
  rollout: MtlsRollout,
  { rules, about, rootNamespace }: Judging,
  key: string,
  front: Front,
): WantedRule | Hazard | undefined {
  const near = rulesAbout(about, [front]);
  const foreign = near.flatMap(rule => withoutRollout(rule) ?? []);
  const before = clientView(foreign, rootNamespace);
  const ofHost = near.filter(rule => isFor(rule, front));
  const there = ofHost.flatMap(rule => clientRuleOf(rule) ?? []).toSorted(untouchedFirst)[0];
  if (there?.original === 'Damaged') return damaged(key, there);
  const toAdopt = there ? undefined : obeyed(ofHost, front, rootNamespace);
  const result = there?.rule ?? resultOf(rollout, key, front, toAdopt);
  const after = clientView(rulesAfter(foreign, [result]), rootNamespace);
  if (!isNeeded(front, before, after)) return undefined;
  const missed = after.clientsThat(front, mode => !isEnough(front, mode));
  if (front.bare) return withoutProxy(key, front, front.bare);
  // what somebody changed and still says mutual TLS to everybody is as good
  if (there && !there.untouched && missed.length === 0) return undefined;
  const objection = there ? changed(key, there) : conflict(rollout, key, front, toAdopt, rules);
  if (objection) return objection;
  if (missed.length > 0) return ruleVoid(key, front, missed);
  const forEvidence = before.clientsThat(front, mode => isPlain(front, mode)).length > 0;
  return { front, there, toAdopt, result, forEvidence };
}

/** Whether clients would not speak mutual TLS on their own account, and a rule makes some of them do so. */
function isNeeded(front: Front, before: ClientView, after: ClientView): boolean {
  const astray = before.clientsThat(front, mode => !isEnough(front, mode));
  if (front.need === 'Always') return astray.length > 0;
  const still = new Set(after.clientsThat(front, mode => !isEnough(front, mode)).map(({ namespace }) => namespace));
  // what somebody says of this very Service is no oversight: that is for them to change
  const overseen = astray.filter(({ decidedBy }) => decidedBy && !isFor(decidedBy, front));
  return overseen.some(({ namespace }) => !still.has(namespace));
}

/** Where automatic mutual TLS works, a client that is told nothing does what it should. */
function isEnough({ need }: Front, mode: ClientMode): boolean {
  return mode === 'ISTIO_MUTUAL' || (mode === 'AUTO' && need === 'WhereCountered');
}

function isPlain({ automatic }: Front, mode: ClientMode): boolean {
  return mode !== 'ISTIO_MUTUAL' && !(mode === 'AUTO' && automatic);
}

function resultOf(rollout: MtlsRollout, key: string, front: Front, toAdopt?: DestinationRule): DestinationRule {
  if (!toAdopt) return newClientRule(rollout, [key], front, '');
  return mergePatch(toAdopt, adoption(rollout, [key], toAdopt, '')) as DestinationRule;
}

/** Of the rules of a Service's own host the one that Istio obeys for clients anywhere, else for those beside it. */
function obeyed(ofHost: readonly DestinationRule[], front: Front, rootNamespace: string): DestinationRule | undefined {
  const forAll = ofHost.filter(({ spec }) => !spec.workloadSelector).toSorted(byAge);
  const index = destinationRuleIndex(forAll);
  for (const clientNamespace of ['', front.namespace]) {
    const question = { rootNamespace, clientNamespace, clientLabels: {}, service: front, port: 0 };
    const { decidedBy } = index.clientTls(question);
    if (decidedBy) return decidedBy;
  }
  return forAll[0];
}

function untouchedFirst(a: ClientRule, b: ClientRule): number {
  return Number(b.untouched) - Number(a.untouched);
}

function isFor(rule: DestinationRule, front: Front): boolean {
  return rule.metadata.namespace === front.namespace && hostOf(rule) === fqdn(front);
}

function damaged(key: string, { rule }: ClientRule): Hazard {
  const name = nameOf(rule);
  return {
    code: 'DamagedOriginal',
    severity: 'Block',
    scope: key,
    object: name,
    message: `the recorded original of ${name} is damaged, so there is no safe way back`,
    fix: 'bring the rule to what it should say and remove its annotations mtlsrollout.io/*',
  };
}

function changed(key: string, { rule, untouched }: ClientRule): Hazard | undefined {
  const name = nameOf(rule);
  if (untouched) return undefined;
  return conflictOf(
    key,
    rule,
    `${name} told the clients of ${key} to use mutual TLS and was changed by somebody else`,
    'set it back, delete it, or take the annotations mtlsrollout.io/* off it to keep it',
  );
}

/** A rule that somebody else governs: a tool that would write its own version again, or an author who says no. */
function conflict(
  { spec: { adopt } }: MtlsRollout,
  key: string,
  front: Front,
  toAdopt: DestinationRule | undefined,
  rules: readonly DestinationRule[],
): Hazard | undefined {
  const own = { namespace: front.namespace, name: clientRuleName(front) };
  const named = rules.find(({ metadata }) => metadata.namespace === own.namespace && metadata.name === own.name);
  if (!toAdopt)
    return (
      named &&
      conflictOf(key, named, `${nameOf(named)} has the name of the rule for ${nameOfFront(front)}`, 'rename it')
    );
  const name = nameOf(toAdopt);
  const manager = managerOf(toAdopt);
  const why = `the clients of ${nameOfFront(front)} need tls ISTIO_MUTUAL, and ${name}`;
  if (adopt === 'Never')
    return conflictOf(
      key,
      toAdopt,
      `${why} holds its host while spec.adopt is Never`,
      'set tls there, or spec.adopt to Unmanaged',
    );
  if (adopt === 'Unmanaged' && manager)
    return conflictOf(
      key,
      toAdopt,
      `${why} is managed by ${manager}, which would undo the step`,
      'set tls ISTIO_MUTUAL there, or set spec.adopt to Always',
    );
  return undefined;
}

function conflictOf(key: string, rule: DestinationRule, message: string, fix: string): Hazard {
  return { code: 'Conflict', severity: 'Block', scope: key, object: nameOf(rule), message, fix };
}

function withoutProxy(key: string, front: Front, { workload, why }: NonNullable<Front['bare']>): Hazard {
  return {
    code: 'RuleWithoutProxy',
    severity: 'Block',
    scope: key,
    object: nameOfFront(front),
    message: `the clients of ${nameOfFront(front)} need a rule with tls ISTIO_MUTUAL, which would cut off ${workload} behind it: that ${why}`,
    fix: 'give it a sidecar, or a Service of its own; or accept RuleWithoutProxy to leave the rule out',
  };
}

function ruleVoid(key: string, front: Front, missed: readonly Clients[]): Hazard {
  const rule = missed.find(({ decidedBy }) => decidedBy)?.decidedBy;
  const clients = listed(missed.map(({ namespace }) => namespace || 'any other namespace'));
  const why = rule ? `${nameOf(rule)} decides for clients in ${clients}` : `clients in ${clients} do not see it`;
  return {
    code: 'RuleVoid',
    severity: 'Block',
    scope: key,
    object: rule ? nameOf(rule) : nameOfFront(front),
    message: `the clients of ${nameOfFront(front)} need a rule with tls ISTIO_MUTUAL, and it would be void: ${why}`,
    fix: 'set tls ISTIO_MUTUAL there, or remove it; or accept RuleVoid to leave the rule out',
  };
}

function notSeen(key: string): Hazard {
  return {
    code: 'RulesNotSeen',
    severity: 'Block',
    scope: key,
    object: 'DestinationRules of the cluster',
    message: `the clients of ${key} need DestinationRules, and those of the cluster cannot be seen`,
    fix: "install Istio's CRDs, or allow the operator to list and watch them",
  };
}

function nameOfFront({ namespace, name }: Front): string {
  return `Service ${namespace}/${name}`;
}
