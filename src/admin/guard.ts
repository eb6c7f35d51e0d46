/**
 * Who may talk to the admin endpoint. It listens on loopback, but a browser on this machine would carry requests of any web page
 * there: directly (told by Origin and Sec-Fetch-Site), or under a name that the page's owner points at 127.0.0.1
 * (DNS rebinding, told by the Host header, which then holds that name).
 */
import type { IncomingHttpHeaders } from 'node:http';
import { isLoopback } from '../config/address.ts';

export interface Refusal {
  status: number;
  message: string;
}

/** Null when the request may pass. `boundHost` is the address that the endpoint listens on. */
export function refuseForeign(headers: IncomingHttpHeaders, boundHost: string): Refusal | null {
  const host = headers.host;
  if (host === undefined || !isOwnName(hostName(host), boundHost)) {
    return { status: 403, message: 'the Host header must be localhost or a loopback address, as the admin endpoint listens there' };
  }
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return { status: 403, message: 'cross-origin requests are refused' };
  if (headers.origin !== undefined && headers.origin.toLowerCase() !== `http://${host.toLowerCase()}`) {
    return { status: 403, message: 'cross-origin requests are refused' };
  }
  return null;
}

/** Host without port and brackets, or an empty text when it is not a host. */
function hostName(host: string): string {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+))(?::\d{1,5})?$/i.exec(host);
  return (match?.[1] ?? match?.[2] ?? '').toLowerCase().replace(/\.$/, '');
}

/** Beyond loopback the Host says nothing: there are tokens, which no page of another site can send. */
function isOwnName(name: string, boundHost: string): boolean {
  return name !== '' && (name === 'localhost' || isLoopback(name) || !isLoopback(boundHost));
}
