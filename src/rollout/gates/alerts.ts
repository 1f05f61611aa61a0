/** Alerts: while one of those that the operator's configuration names fires, nothing tightens. */
import type { StepStatus } from '../../api/status.ts';
import type { Wait } from '../move.ts';
import { rowBroken } from '../rounds.ts';
import type { Situation } from '../situation.ts';
import { LONGEST_REASON, stepText } from '../stages/story.ts';
import { bounded, clockTime, counted, oneLine } from '../text.ts';
import { phaseOf } from './phase.ts';

export interface Alert {
  name: string;
  /** When it began to fire; milliseconds since the epoch. */
  since: number;
  labels: Readonly<Record<string, string>>;
}

/** What a look at the alerts gave: those that fire, or why nobody can tell, and since when. */
export type AlertSight = { at: number } & ({ firing: readonly Alert[] } | { unseen: string; since: number });

/** Nobody has looked yet. */
export type Alerts = AlertSight | 'Unasked';

/** A look counts for so long, for all rollouts together. */
export const ALERTS_FRESH_MS = 15_000;
/** Labels that say where it hurts; others may hold anything, and are not repeated. */
const SHOWN = ['severity', 'cluster', 'namespace', 'service'];

export function alarmed(situation: Situation, step: StepStatus): Wait | undefined {
  const { now, input } = situation;
  const alerts = input.outside?.alerts;
  if (!alerts) return undefined;
  const held = { kind: 'Wait', phase: phaseOf(step), step: rowBroken(step) } as const;
  if (alerts === 'Unasked' || now >= alerts.at + ALERTS_FRESH_MS)
    return {
      ...held,
      on: 'alerts',
      message: `${stepText(step)}: asking for alerts that fire`,
      asks: 'Alerts',
      nextLookAt: now,
    };
  const nextLookAt = alerts.at + ALERTS_FRESH_MS;
  const asked = `asked at ${clockTime(alerts.at, now)} and again at ${clockTime(nextLookAt, now)}`;
  if ('unseen' in alerts) {
    const since = clockTime(alerts.since, now);
    const message = `${stepText(step)} is held since ${since}, for nobody can tell whether alerts fire: ${bounded(alerts.unseen, LONGEST_REASON)}; ${asked}`;
    return { ...held, on: 'alerts', message, nextLookAt };
  }
  const first = alerts.firing.toSorted((a, b) => a.since - b.since || (a.name < b.name ? -1 : 1))[0];
  if (!first) return undefined;
  const name = oneLine(first.name, 128) || 'without a name';
  const more = alerts.firing.length > 1 ? ` and ${counted(alerts.firing.length - 1, 'more alert')}` : '';
  const message = `${stepText(step)} is held by alert ${name}${labelText(first)}, which fires since ${clockTime(first.since, now)}${more}; it goes on when they are resolved or silenced; ${asked}`;
  return { ...held, on: `alert ${name}`, message, nextLookAt };
}

function labelText({ labels }: Alert): string {
  const shown = SHOWN.flatMap(label => (labels[label] ? [`${label} ${oneLine(labels[label], 64)}`] : []));
  return shown.length > 0 ? ` (${shown.join(', ')})` : '';
}
