/** Statuses as the operator writes them. */
import type { Status } from '../../src/api/status.ts';
import { timestamp } from '../../src/rollout/text.ts';

const MINUTE = 60_000;

/** In the middle of a step, with something of everything. */
export function soaking(now: number): Status {
  const at = (minutesAgo: number) => timestamp(Math.floor(now / 1000) * 1000 - minutesAgo * MINUTE);
  const message = `wave leaf, step 1/4: soaking ad and email since 09:12:04, until 09:22:04; 2 of 3 healthy rounds`;
  const condition = (type: 'Ready' | 'Reconciling' | 'Stalled' | 'Progressing', holds: boolean) => ({
    type,
    status: holds ? ('True' as const) : ('False' as const),
    reason: 'Soaking',
    message,
    lastTransitionTime: at(25),
    observedGeneration: 1,
  });
  return {
    observedGeneration: 1,
    phase: 'Soaking',
    message,
    waiting: {
      on: 'soak',
      since: at(5),
      until: at(-5),
      unblock: 'nothing to do: it has to stay healthy until then',
    },
    plan: '9f2c41ab',
    summary: { step: '1/4', strict: '1/4', waitingOn: 'soak', probe: 'clients NoData' },
    step: {
      index: 1,
      of: 4,
      wave: 'leaf',
      stage: 'Soaking',
      scopes: ['ad', 'email'],
      since: at(5),
      startedAt: at(9),
      changedAt: at(6),
      healthyRounds: 2,
      failures: 1,
    },
    strict: { done: 2, total: 4 },
    waves: [
      { name: 'leaf', phase: 'Progressing', done: 2, total: 2, plan: '51e7aa02', startedAt: at(9) },
      { name: 'rest', phase: 'Pending', done: 0, total: 2, plan: '0c22d7e1' },
    ],
    probes: [
      {
        name: 'enforced',
        verdict: 'Healthy',
        value: '4/4 ports',
        samples: 4,
        message: 'every port that listens shows a certificate of the mesh to a stranger',
        at: at(3),
      },
      {
        name: 'no-plaintext',
        verdict: 'NoData',
        value: '',
        samples: 0,
        message: 'Prometheus does not answer: connection refused at http://prometheus.monitoring:9090',
        at: at(300),
      },
    ],
    hazards: [
      {
        code: 'Conflict',
        severity: 'Block',
        scope: 'cart',
        object: 'PeerAuthentication cart/default',
        message: 'PeerAuthentication cart/default is managed by Argo CD application shop, which would undo the step',
        fix: 'set the mode there, or set spec.adopt to Always',
      },
    ],
    history: [
      { at: at(9), reason: 'StepStarted', message: 'wave leaf, step 1/4: preparing ad and email' },
      {
        at: at(5),
        reason: 'StrictInForce',
        message: 'wave leaf, step 1/4: ad and email STRICT and seen in force, soaking',
      },
    ],
    conditions: [
      condition('Ready', false),
      condition('Reconciling', true),
      condition('Stalled', false),
      condition('Progressing', true),
      {
        type: 'Drifted',
        status: 'False',
        reason: 'AsSet',
        message: 'every policy is as the rollout set it',
        lastTransitionTime: at(25),
        observedGeneration: 1,
      },
    ],
  };
}
