import assert from 'node:assert/strict';
import { createLogger, type LogOptions } from '../../src/report/logger.ts';

const NOW = Date.UTC(2026, 10, 2, 9, 12, 4);

function lines(format: LogOptions['format'], log: (logger: ReturnType<typeof createLogger>) => void): string[] {
  const written: string[] = [];
  log(createLogger({ level: 'info', format, now: () => NOW, write: line => written.push(line) }));
  return written;
}

describe('logger', () => {
  it('writes one JSON object a line, with the time it was given', () => {
    const [line, ...more] = lines('json', logger => {
      logger.debug('below the level');
      logger.info('step 3/7 soaks', { rollout: 'istio-system/shop', stage: 'Soaking', scopes: ['cart'] });
    });
    assert.deepEqual(more, []);
    assert.ok(line!.endsWith('}\n') && line!.indexOf('\n') === line!.length - 1);
    assert.deepEqual(JSON.parse(line!), {
      time: '2026-11-02T09:12:04.000Z',
      level: 'info',
      message: 'step 3/7 soaks',
      rollout: 'istio-system/shop',
      stage: 'Soaking',
      scopes: ['cart'],
    });
  });

  it('writes a short line for people, still one line', () => {
    const written = lines('text', logger =>
      logger.warn('lost\nthe watch', { kind: 'Pod', why: 'connection reset', n: 2 }),
    );
    assert.deepEqual(written, ['09:12:04 warn  lost\\nthe watch kind=Pod why="connection reset" n=2\n']);
  });

  it('masks what looks like a secret, at any depth and in texts', () => {
    const error = Object.assign(new Error('GET https://admin:hunter2@p:9090/ said 401'), {
      code: 'ECONNRESET',
      request: { headers: { authorization: 'Bearer hunter2' } },
      cause: new Error('sent "Authorization: Bearer hunter2"'),
    });
    for (const format of ['json', 'text'] as const) {
      const [line] = lines(format, logger => {
        const fields = { error, a: [{ bearerToken: 'hunter2', clientKeyData: 'hunter2' }], Authorization: 'hunter2' };
        logger.error('failed with bearer hunter2', { ...fields, password: 'hunter2' });
      });
      assert.ok(!line!.includes('hunter2'), line);
      assert.ok(line!.includes('ECONNRESET') && line!.includes('said 401'), line);
    }
  });

  it('keeps what only sounds like one', () => {
    const [line] = lines('json', logger => logger.info('x', { tokens: 3, key: 'istio-system/shop', bearer: 'none' }));
    const { tokens, key, bearer } = JSON.parse(line!);
    assert.deepEqual({ tokens, key, bearer }, { tokens: 3, key: 'istio-system/shop', bearer: 'none' });
  });

  it('survives cycles, big integers and an error as the message', () => {
    const cycle: Record<string, unknown> = { big: 1n };
    cycle.self = cycle;
    const written = lines('json', logger => {
      logger.info('cycle', { cycle });
      logger.error(new Error('broken'));
    });
    assert.equal(written.length, 2);
    assert.equal(JSON.parse(written[0]!).cycle.big, '1');
    assert.match(JSON.parse(written[1]!).message, /broken/);
  });
});
