/** What the demo shows at one moment, as a value: the screen and the plain log are made from it and from nothing else. */
import type { Verdict } from '../../api/status.ts';
import type { Mode } from '../../istio/objects.ts';

/** How something is meant to be read. */
export type Tone = 'Plain' | 'Good' | 'Bad' | 'Warning' | 'Quiet';

export interface DemoView {
  title: string;
  /** Time in the demo, milliseconds since the epoch, and how much faster than real time it passes. */
  now: number;
  speed: number;
  /** Of the rollout, as its status says. */
  phase: string;
  step: string;
  strict: string;
  message: string;
  waves: { name: string; phase: string; rows: ModeRow[] }[];
  probes: { name: string; verdict: Verdict; value: string; message: string }[];
  /** Oldest first. */
  events: DemoEvent[];
}

/** One namespace: its mode before the rollout and now. */
export interface ModeRow {
  namespace: string;
  before: Mode;
  now: Mode;
  /** In the step that runs. */
  moving: boolean;
  /** What its clients meet, in a few words. */
  note: string;
  tone: Tone;
}

export interface DemoEvent {
  /** Grows from event to event; no two are equal. */
  id: number;
  at: number;
  tone: Tone;
  text: string;
}
