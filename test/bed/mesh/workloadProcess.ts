/**
 * The process that is all applications and clients of a mesh, spoken to in JSON lines. It may die at any moment: whoever
 * waits for an answer, or asks later, then gets an error with the end of what it wrote to standard error.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import type { RunFolder } from '../runFolder.ts';
import type { Closed } from './workloadAnswers.ts';

const NAME = 'workload';
const GRACE_MS = 3000;
/** Enough for the message and the stack of a Go program that panics. */
const TAIL_LINES = 60;

/** What the process says without being asked. */
export interface WorkloadEvent extends Closed {
  event: 'closed';
  connection: number;
}

interface Answer {
  id: number;
  ok?: unknown;
  error?: string;
}

export class WorkloadProcess {
  readonly #child: ChildProcess;
  readonly #logFile: string;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #onEvent: (event: WorkloadEvent) => void;
  readonly #onEnd: (error: Error) => void;
  #last = 0;
  #rest = '';
  #ended: Error | undefined;

  private constructor(
    folder: RunFolder,
    program: string,
    onEvent: (event: WorkloadEvent) => void,
    onEnd: (error: Error) => void,
  ) {
    this.#onEvent = onEvent;
    this.#onEnd = onEnd;
    this.#logFile = folder.file(`${NAME}.log`);
    const log = openSync(this.#logFile, 'a', 0o600);
    this.#child = folder.spawn(
      NAME,
      program,
      [],
      { PATH: process.env['PATH'] },
      { stdio: ['pipe', 'pipe', log] },
    ).child;
    closeSync(log);
    // a process that is gone says so by `close`
    this.#child.stdin!.on('error', () => {});
    this.#child.stdout!.setEncoding('utf8').on('data', (text: string) => this.#read(text));
    this.#child.once('close', (code, signal) => this.#end(`ended with ${signal ?? code}`));
  }

  /** Resolves when the program runs; rejects where it cannot be started. */
  static async start(
    folder: RunFolder,
    program: string,
    onEvent: (event: WorkloadEvent) => void,
    onEnd: (error: Error) => void,
  ): Promise<WorkloadProcess> {
    const started = new WorkloadProcess(folder, program, onEvent, onEnd);
    await once(started.#child, 'spawn');
    return started;
  }

  /** The answer to one operation; rejects with what the process says against it. */
  async call<T>(op: string, parameters: object): Promise<T> {
    if (this.#ended !== undefined) throw new Error(`${op}: ${this.#ended.message}`);
    const id = ++this.#last;
    const answer = Promise.withResolvers<unknown>();
    this.#waiting.set(id, answer);
    this.#child.stdin!.write(`${JSON.stringify({ ...parameters, id, op })}\n`);
    try {
      return (await answer.promise) as T;
    } catch (error) {
      throw new Error(`${op}: ${(error as Error).message}`, { cause: error });
    } finally {
      this.#waiting.delete(id);
    }
  }

  /** Ends the process, and with it every port and connection. */
  async stop(): Promise<void> {
    if (this.#ended !== undefined) return;
    const gone = once(this.#child, 'close');
    const killer = setTimeout(() => this.#child.kill('SIGKILL'), GRACE_MS);
    this.#child.stdin!.end();
    await gone;
    clearTimeout(killer);
  }

  /** Takes whole lines only: a process that is killed may leave half of one behind. */
  #read(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop()!;
    for (const line of lines) this.#take(line);
  }

  #take(line: string): void {
    const message = JSON.parse(line) as Answer | WorkloadEvent;
    if ('event' in message) return this.#onEvent(message);
    const { id, ok, error } = message;
    if (error === undefined) this.#waiting.get(id)?.resolve(ok);
    else this.#waiting.get(id)?.reject(new Error(error));
  }

  #end(how: string): void {
    const tail = readFileSync(this.#logFile, 'utf8').trimEnd().split('\n').slice(-TAIL_LINES).join('\n');
    this.#ended = new Error(`the process of the workloads ${how}${tail === '' ? '' : `:\n${tail}`}`);
    for (const { reject } of this.#waiting.values()) reject(this.#ended);
    this.#onEnd(this.#ended);
  }
}
