/** What the cluster as a whole says about tightening now: the same for every rollout, whoever wrote it. */
import type { Alerts } from './alerts.ts';
import type { Budget } from './budget.ts';
import type { FreezeSight } from './freeze.ts';

export interface Outside {
  freeze: FreezeSight;
  /** Absent: none are configured. */
  alerts?: Alerts;
  /** Absent: there are no limits. */
  budget?: Budget;
}
