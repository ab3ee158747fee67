// Drives the demo with openid-client and oauth4webapi, clients that know nothing of Symbolon.
// Reads the demo's JSON line from standard input; exits with 1 at the first surprise.
import assert from "node:assert/strict";
import { text } from "node:stream/consumers";
import * as client from "openid-client";
import * as oauth from "oauth4webapi";
import { Agent, fetch as undiciFetch } from "undici";

const facts = JSON.parse(await text(process.stdin));
// Names under .localhost are this machine (RFC 6761), whatever the resolver says.
const dispatcher = new Agent({
  connect: { lookup: (_host, options, done) => options.all ? done(null, [{ address: "127.0.0.1", family: 4 }]) : done(null, "127.0.0.1", 4) },
});
const customFetch = (url, options) => undiciFetch(url, { ...options, dispatcher });
const call = (url, token) => customFetch(url, { headers: { authorization: `Bearer ${token}` } });
const { orders, billing } = facts.services;

{ // openid-client: discovery, client credentials, introspection, exchange, revocation
  const config = await client.discovery(new URL(facts.issuer), orders.client_id, undefined,
    client.ClientSecretBasic(orders.client_secret), { [client.customFetch]: customFetch, execute: [client.allowInsecureRequests] });
  const own = await client.clientCredentialsGrant(config, { resource: orders.resource });
  assert.equal((await call(orders.resource + "/", own.access_token)).status, 200);
  assert.equal((await call(billing.resource + "/", own.access_token)).status, 401);
  const seen = await client.tokenIntrospection(config, own.access_token);
  assert.equal(seen.active, true);
  assert.equal(seen.aud, orders.resource);
  const exchanged = await client.genericGrantRequest(config, "urn:ietf:params:oauth:grant-type:token-exchange", {
    subject_token: own.access_token, subject_token_type: "urn:ietf:params:oauth:token-type:access_token", resource: billing.resource });
  const at = await (await call(billing.resource + "/", exchanged.access_token)).json();
  assert.equal(at.act.sub, "orders");
  await client.tokenRevocation(config, own.access_token);
  assert.deepEqual(await client.tokenIntrospection(config, own.access_token), { active: false });
  console.log("openid-client: client credentials, introspection, exchange, revocation");
}

{ // oauth4webapi: strict processing of every answer
  const options = { [oauth.customFetch]: customFetch, [oauth.allowInsecureRequests]: true };
  const issuer = new URL(facts.issuer);
  const server = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, options));
  const oauth2 = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { ...options, algorithm: "oauth2" }));
  assert.equal(oauth2.token_endpoint, server.token_endpoint);
  const me = { client_id: orders.client_id };
  const authenticate = oauth.ClientSecretPost(orders.client_secret);
  const granted = await oauth.processClientCredentialsResponse(server, me,
    await oauth.clientCredentialsGrantRequest(server, me, authenticate, { resource: orders.resource }, options));
  const introspected = await oauth.processIntrospectionResponse(server, me,
    await oauth.introspectionRequest(server, me, authenticate, granted.access_token, options));
  assert.equal(introspected.active, true);
  const jwt = { ...me, introspection_signed_response_alg: "ES256" };
  const signed = await oauth.introspectionRequest(server, jwt, authenticate, granted.access_token,
    { ...options, requestJwtResponse: true });
  const inner = await oauth.processIntrospectionResponse(server, jwt, signed);
  assert.equal(inner.aud, orders.resource);
  await oauth.validateApplicationLevelSignature(server, signed, options);
  await assert.rejects(async () => oauth.processClientCredentialsResponse(server, me,
    await oauth.clientCredentialsGrantRequest(server, me, oauth.ClientSecretPost("wrong"), {}, options)),
  (error) => error.error === "invalid_client" || error.cause?.some?.((c) => c.scheme));
  console.log("oauth4webapi: discovery (both), client credentials, introspection (JSON and JWT), refusals");
}
