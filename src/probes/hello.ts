/** Sends one TLS hello to a port, as a stranger without a certificate would, and says what answered. */
import { connect, type TLSSocket } from 'node:tls';
import type { HelloAnswer, Sight } from './probe.ts';

/** Says hello to ports; each hello is over within the deadline. Not one byte of plaintext leaves. */
export function tlsHello(deadlineMs = 2_000): Sight['hello'] {
  return (address, port, alpn, signal) =>
    new Promise(resolve => {
      if (signal.aborted) return resolve({ kind: 'Timeout' });
      const socket = connect({
        host: address,
        port,
        // TLS 1.2 would reveal a certificate only in the error of a failed handshake, and less surely
        minVersion: 'TLSv1.3',
        // nothing is told to the peer; one that forges the name of its own workload deceives only about itself
        rejectUnauthorized: false,
        ...(alpn.length > 0 ? { ALPNProtocols: alpn } : {}),
      });
      const last = (given: HelloAnswer) => {
        resolve(given);
        socket.destroy();
      };
      const giveUp = () => last({ kind: 'Timeout' });
      const timer = setTimeout(giveUp, deadlineMs);
      signal.addEventListener('abort', giveUp, { once: true });
      socket.once('secureConnect', () => {
        resolve(certificateOf(socket));
        // not cut off: a proxy counts a handshake as refused, and not as plaintext, only once it could refuse it
        socket.end();
      });
      // the refusal for lack of a client certificate comes after the answer was read
      socket.on('error', error => last(meaningOf(error)));
      socket.once('close', () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', giveUp);
        resolve({ kind: 'Reset' });
      });
    });
}

function certificateOf(socket: TLSSocket): HelloAnswer {
  const { subjectaltname, valid_to: validTo } = socket.getPeerCertificate();
  return { kind: 'Certificate', spiffe: spiffeOf(subjectaltname), validTo: validTo || undefined };
}

/** The SPIFFE name among a certificate's alternative names, as Node writes them: it quotes one that could be several. */
export function spiffeOf(names = ''): string | undefined {
  const plain = names.replaceAll(/"(?:[^"\\]|\\.)*"/g, '').split(', ');
  return plain.find(name => name.startsWith('URI:spiffe://'))?.slice('URI:'.length);
}

function meaningOf(error: Error & { code?: string }): HelloAnswer {
  const code = error.code ?? '';
  // an alert is TLS, but not the mesh's: a proxy under STRICT shows its certificate before it refuses
  if (/^ERR_SSL_.*ALERT/.test(code)) return { kind: 'Certificate', spiffe: undefined, validTo: undefined };
  if (code.startsWith('ERR_SSL_') || code === 'EPROTO') return { kind: 'Plaintext' };
  return code === 'ECONNRESET' || code === 'ECONNREFUSED' || code === 'EPIPE' ? { kind: 'Reset' } : { kind: 'Timeout' };
}
