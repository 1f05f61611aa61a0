/** The sentences that the stages of a step share. */
import type { Observation, StepStatus } from '../../api/status.ts';
import type { Situation } from '../situation.ts';
import { bounded, clockTime } from '../text.ts';

/** A message holds 1024 characters; what somebody should do about a reason has to fit behind it. */
export const LONGEST_REASON = 600;

/** `wave core, step 3/7`. */
export function stepText({ wave, index, of }: StepStatus): string {
  return `wave ${wave}, step ${index}/${of}`;
}

/** What a record says about the step it belongs to. */
export function about({ wave, index, scopes }: StepStatus): { wave: string; step: number; scopes: string[] } {
  return { wave, step: index, scopes };
}

/** `2 of 3 healthy rounds since 09:12:04`. */
export function progressOf({ pace, now }: Situation, { healthyRounds, since }: StepStatus): string {
  const rounds = Math.min(healthyRounds, pace.successes);
  return `${rounds} of ${pace.successes} healthy rounds since ${clockTime(Date.parse(since), now)}`;
}

/** What stands in the way, as the end of a sentence. */
export function doubtText(doubt: Observation | undefined): string {
  return doubt ? `; probe ${doubt.name} says ${doubt.verdict}: ${bounded(doubt.message, LONGEST_REASON)}` : '';
}
