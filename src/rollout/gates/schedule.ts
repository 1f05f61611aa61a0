/** Gate: nothing tightens before `spec.schedule.startAt`, nor outside of the author's time windows. */
import { localText } from '../localTime.ts';
import { closedBy, nextOpening, type Schedule } from '../windows.ts';
import { type Gate, heldBy } from './gate.ts';

export const schedule: Gate = (situation, step) => {
  const { schedule: given } = situation.input.rollout.spec;
  const { now } = situation;
  const closed = given && closedBy(given, now);
  if (!given || !closed) return undefined;
  const reason = reasonText(given, closed);
  const opening = nextOpening(given, now);
  if (opening === undefined)
    return heldBy(situation, step, {
      on: 'schedule',
      why: `${reason}, and within a year no window opens: change spec.schedule`,
      stalled: 'NeverOpens',
    });
  const text = localText(opening, given.timeZone);
  return heldBy(situation, step, {
    on: `window ${text.slice(4, 20)}`,
    why: `${reason}; it goes on at ${text}, or when spec.schedule says otherwise`,
    nextLookAt: opening,
    until: opening,
  });
};

function reasonText({ windows, startAt }: Schedule, closed: NonNullable<ReturnType<typeof closedBy>>): string {
  if (closed === 'StartAt') return `spec.schedule.startAt is ${startAt}`;
  if (closed === 'NoWindow') return 'no window of spec.schedule is open';
  const { reason, dates, days, from, to } = closed;
  const when = [dates, days?.join(' '), from && `${from} to ${to}`].filter(Boolean).join(', ');
  const what = `spec.schedule.windows[${windows.indexOf(closed)}] denies it (${when})`;
  return reason ? `${reason}: ${what}` : what;
}
