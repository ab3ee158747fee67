// Drives the device grant and CIBA with openid-client and oauth4webapi. Reads the demo's JSON line
// from standard input; says on standard output, one JSON line each, what a person has to do now.
import assert from "node:assert/strict";
import { createInterface } from "node:readline";
import * as client from "openid-client";
import * as oauth from "oauth4webapi";
import { Agent, fetch as undiciFetch } from "undici";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const facts = JSON.parse((await lines.next()).value);
const dispatcher = new Agent({
  connect: { lookup: (_host, options, done) => options.all ? done(null, [{ address: "127.0.0.1", family: 4 }]) : done(null, "127.0.0.1", 4) },
});
const customFetch = (url, options) => undiciFetch(url, { ...options, dispatcher });
const call = (url, token) => customFetch(url, { headers: { authorization: `Bearer ${token}` } });
// The broker hears of a revocation by the feed: a moment after the issuer has acknowledged it.
const refused = async (url, token) => {
  for (const end = Date.now() + 5000; Date.now() < end;) {
    if ((await call(url, token)).status === 401) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.fail(`${url} still serves a revoked token`);
};
const person = (what) => console.log(JSON.stringify(what));
const discover = (id, authentication) => client.discovery(new URL(facts.issuer), id, undefined, authentication,
  { [client.customFetch]: customFetch, execute: [client.allowInsecureRequests] });
const { tv, desk } = facts.clients;

{ // openid-client: a television
  const config = await discover(tv.client_id, client.None());
  const started = await client.initiateDeviceAuthorization(config, { scope: "openid offline_access", resource: tv.resource });
  assert.equal(started.interval, 5);
  person({ open: started.verification_uri_complete, code: started.user_code });
  const tokens = await client.pollDeviceAuthorizationGrant(config, started, { resource: tv.resource });
  assert.ok(tokens.claims().sub.startsWith("usr_"));
  assert.equal((await call(tv.resource + "/", tokens.access_token)).status, 200);
  const next = await client.refreshTokenGrant(config, tokens.refresh_token, { resource: tv.resource });
  assert.equal((await call(tv.resource + "/", next.access_token)).status, 200);
  await client.tokenRevocation(config, next.refresh_token);
  await refused(tv.resource + "/", next.access_token);
}

{ // openid-client: a service desk
  const config = await discover(desk.client_id, client.ClientSecretBasic(desk.client_secret));
  const asked = await client.initiateBackchannelAuthentication(config,
    { scope: "openid", login_hint: facts.people.engineer.login, binding_message: "W4-SCT", resource: desk.resource });
  person({ approve: facts.issuer + "/approve", binding: "W4-SCT" });
  const tokens = await client.pollBackchannelAuthenticationGrant(config, asked);
  assert.equal(tokens.claims().aud, desk.client_id);
  assert.equal((await call(desk.resource + "/", tokens.access_token)).status, 200);
}

{ // oauth4webapi: strict processing of every answer, refusals too
  const options = { [oauth.customFetch]: customFetch, [oauth.allowInsecureRequests]: true };
  const issuer = new URL(facts.issuer);
  const server = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, options));
  const television = { client_id: tv.client_id };
  const started = await oauth.processDeviceAuthorizationResponse(server, television,
    await oauth.deviceAuthorizationRequest(server, television, oauth.None(), { scope: "openid" }, options));
  await assert.rejects(async () => oauth.processDeviceCodeResponse(server, television,
    await oauth.deviceCodeGrantRequest(server, television, oauth.None(), started.device_code, options)),
  (error) => error.error === "authorization_pending");
  await assert.rejects(async () => oauth.processDeviceCodeResponse(server, television,
    await oauth.deviceCodeGrantRequest(server, television, oauth.None(), started.device_code, options)),
  (error) => error.error === "slow_down");
  const me = { client_id: desk.client_id };
  const authenticate = oauth.ClientSecretPost(desk.client_secret);
  await assert.rejects(async () => oauth.processBackchannelAuthenticationResponse(server, me,
    await oauth.backchannelAuthenticationRequest(server, me, authenticate, { scope: "openid", login_hint: "nobody" }, options)),
  (error) => error.error === "unknown_user_id");
}
process.exit(0);
