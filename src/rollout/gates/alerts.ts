/** Alerts: while one of those that the operator's configuration names fires, nothing tightens. */
import { LONGEST_REASON } from '../stages/story.ts';
import { bounded, clockTime, counted, oneLine } from '../text.ts';
import { type Gate, heldBy } from './gate.ts';

export interface Alert {
  name: string;
  /** When it began to fire; milliseconds since the epoch. */
  since: number;
  labels: Readonly<Record<string, string>>;
}

/** What a look at the alerts gave: those that fire, or why nobody can tell. */
export type AlertSight = { at: number } & ({ firing: readonly Alert[] } | { unseen: string });

/** Nobody has looked yet. */
export type Alerts = AlertSight | 'Unasked';

/** A look counts for so long, for all rollouts together. */
export const ALERTS_FRESH_MS = 15_000;
/** Labels that say where it hurts; others may hold anything, and are not repeated. */
const SHOWN = ['severity', 'cluster', 'namespace', 'service'];

export const alarmed: Gate = (situation, step) => {
  const { now, input } = situation;
  const alerts = input.outside?.alerts;
  if (!alerts) return undefined;
  if (alerts === 'Unasked' || now >= alerts.at + ALERTS_FRESH_MS) {
    const why = 'asking for alerts that fire';
    return { ...heldBy(situation, step, { on: 'alerts', why, nextLookAt: now }), asks: 'Alerts' };
  }
  const nextLookAt = alerts.at + ALERTS_FRESH_MS;
  const asked = `asked at ${clockTime(alerts.at, now)} and again at ${clockTime(nextLookAt, now)}`;
  if ('unseen' in alerts) {
    const why = `nobody can tell whether alerts fire: ${bounded(alerts.unseen, LONGEST_REASON)}; ${asked}`;
    return heldBy(situation, step, { on: 'alerts', why, nextLookAt });
  }
  const [first, ...others] = alerts.firing.toSorted((a, b) => a.since - b.since || (a.name < b.name ? -1 : 1));
  if (!first) return undefined;
  const name = oneLine(first.name, 128) || 'without a name';
  const more = others.length > 0 ? `, and ${counted(others.length, 'more alert')}` : '';
  const why = `alert ${name} fires since ${clockTime(first.since, now)}${labelText(first)}${more}; it goes on when none of them fires any more, or all are silenced; ${asked}`;
  return heldBy(situation, step, { on: `alert ${name}`, why, nextLookAt });
};

function labelText({ labels }: Alert): string {
  const shown = SHOWN.flatMap(label => (labels[label] ? [`${label} ${oneLine(labels[label], 64)}`] : []));
  return shown.length > 0 ? ` (${shown.join(', ')})` : '';
}
