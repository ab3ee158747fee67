// Registers an application that nobody declared with openid-client, reads and changes the registration,
// and prints its credentials. Arguments: issuer, origin of the relying party.
import assert from "node:assert/strict";
import * as client from "openid-client";
import { Agent, fetch as undiciFetch } from "undici";

const [issuer, origin] = process.argv.slice(2);
const dispatcher = new Agent({
  connect: { lookup: (_host, options, done) => options.all ? done(null, [{ address: "127.0.0.1", family: 4 }]) : done(null, "127.0.0.1", 4) },
});
const customFetch = (url, options) => undiciFetch(url, { ...options, dispatcher });
const options = { [client.customFetch]: customFetch, execute: [client.allowInsecureRequests] };
const metadata = {
  client_name: "A registered application", application_type: "native", redirect_uris: [`${origin}/callback`],
  post_logout_redirect_uris: [`${origin}/bye`], grant_types: ["authorization_code", "refresh_token"], scope: "openid email",
  backchannel_logout_uri: `${origin}/backchannel`, backchannel_logout_session_required: true,
  frontchannel_logout_uri: `${origin}/frontchannel`, frontchannel_logout_session_required: true,
};

await assert.rejects(client.dynamicClientRegistration(new URL(issuer), { ...metadata, redirect_uris: ["javascript:alert(1)"] }, undefined, options),
  (error) => error.error === "invalid_redirect_uri");
const config = await client.dynamicClientRegistration(new URL(issuer), metadata, undefined, options);
const registered = config.clientMetadata();
assert.equal(registered.client_name, metadata.client_name);
assert.equal(registered.scope, metadata.scope);
assert.ok(registered.client_secret && registered.registration_access_token);

const manage = (method, bearer, body) => customFetch(registered.registration_client_uri,
  { method, headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" }, body: body && JSON.stringify(body) });
assert.equal((await manage("GET", "symm_wrong")).status, 401);
const read = await (await manage("GET", registered.registration_access_token)).json();
assert.equal(read.client_id, registered.client_id);
assert.equal(read.client_secret, undefined);
const renamed = await (await manage("PUT", registered.registration_access_token,
  { ...metadata, client_id: registered.client_id, client_name: "Renamed" })).json();
assert.equal(renamed.client_name, "Renamed");
console.log(JSON.stringify({ client_id: registered.client_id, client_secret: registered.client_secret }));
