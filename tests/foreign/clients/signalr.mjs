// @microsoft/signalr as its users use it: both hubs, a market order with brackets over REST, its events, flat again.
// Arguments: base URL, "direct" or "negotiate". The last line of stdout is a JSON object of what was seen.
import { createRequire } from "node:module";
import path from "node:path";

// the package lies in the folder the script is run from, not beside the script
const require = createRequire(path.join(process.cwd(), "package.json"));
const signalR = require("@microsoft/signalr");

const [base, way] = process.argv.slice(2);
const seen = { way, version: signalR.VERSION, completions: [], quotes: 0, prints: 0, depthRows: 0, orders: [],
               positions: [], halfTurns: [], balances: [], errors: [], closed: [] };
let token = "";

async function post(endpoint, body) {
  const answer = await fetch(`${base}/api/${endpoint}`, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...(token ? { Authorization: `Bearer ${token}` } : {}) },
    body: JSON.stringify(body),
  });
  if (answer.status !== 200) throw new Error(`${endpoint}: HTTP ${answer.status}`);
  const content = await answer.json();
  if (!content.success) throw new Error(`${endpoint}: ${content.errorCode} ${content.errorMessage}`);
  return content;
}

async function until(what, isSo, limitMs = 20000) {
  const endMs = Date.now() + limitMs;
  while (!isSo()) {
    if (Date.now() > endMs) throw new Error(`not within ${limitMs} ms: ${what}; seen ${JSON.stringify(seen)}`);
    await new Promise((done) => setTimeout(done, 10));
  }
}

function hub(name) {
  const options = { accessTokenFactory: () => token };
  if (way === "direct") Object.assign(options, { skipNegotiation: true, transport: signalR.HttpTransportType.WebSockets });
  const connection = new signalR.HubConnectionBuilder()
    .withUrl(`${base}/hubs/${name}${way === "direct" ? `?access_token=${token}` : ""}`, options)
    .configureLogging({ log: (level, message) => { if (level >= signalR.LogLevel.Warning) seen.errors.push(message); } })
    .build();
  connection.onclose((error) => seen.closed.push({ hub: name, error: error ? String(error) : null }));
  return connection;
}

async function invoke(connection, method, ...given) {
  // invoke() sends an invocationId and waits for its completion
  seen.completions.push([method, await connection.invoke(method, ...given)]);
}

token = (await post("Auth/loginKey", { userName: "demo", apiKey: "0123456789" })).token;
const account = (await post("Account/search", { onlyActiveAccounts: true })).accounts[0];
const contracts = (await post("Contract/search", { searchText: "MNQ", live: false })).contracts;
const contract = contracts.find((each) => each.activeContract && each.symbolId === "F.US.MNQ");
seen.accountId = account.id;
seen.contractId = contract.id;

const market = hub("market");
market.on("GatewayQuote", (id) => { if (id === contract.id) seen.quotes += 1; });
market.on("GatewayTrade", (id, data) => { if (id === contract.id) seen.prints += [data].flat().length; });
market.on("GatewayDepth", (id, data) => { if (id === contract.id) seen.depthRows += [data].flat().filter(Boolean).length; });
const user = hub("user");
user.on("GatewayUserOrder", (event) => { seen.orders.push(event.data); });
user.on("GatewayUserPosition", (event) => { seen.positions.push(event); });
user.on("GatewayUserTrade", (event) => { seen.halfTurns.push(event.data); });
user.on("GatewayUserAccount", (event) => { seen.balances.push(event.data.balance); });

await market.start();
await user.start();
for (const method of ["SubscribeContractQuotes", "SubscribeContractTrades", "SubscribeContractMarketDepth"])
  await invoke(market, method, contract.id);
await invoke(user, "SubscribeAccounts");
for (const method of ["SubscribeOrders", "SubscribePositions", "SubscribeTrades"]) await invoke(user, method, account.id);
seen.unknownMethod = await market.invoke("SubscribeContractDepth", contract.id).then(() => "accepted", (error) => error.message);
await until("quotes, prints and depth", () => seen.quotes > 5 && seen.prints > 5 && seen.depthRows > 5);

const customTag = `js-${way}`;
const { orderId } = await post("Order/place", {
  accountId: account.id, contractId: contract.id, type: 2, side: 0, size: 1, customTag,
  stopLossBracket: { ticks: -200, type: 4 }, takeProfitBracket: { ticks: 400, type: 1 },
});
seen.orderId = orderId;
const of = (id, status) => seen.orders.some((each) => each.id === id && each.status === status);
const children = () => seen.orders.filter((each) => each.parentOrderId === orderId && each.status === 1);
await until("the entry is filled", () => of(orderId, 2));
await until("its half-turn is told", () => seen.halfTurns.some((each) => each.orderId === orderId));
await until("its position is told", () => seen.positions.some((each) => each.data.size === 1 && each.data.type === 1));
await until("both children are open", () => new Set(children().map((each) => each.id)).size === 2);

await post("Position/closeContract", { accountId: account.id, contractId: contract.id });
await until("the balance is told", () => seen.balances.length > 0);
await until("the position is closed", () => seen.positions.some((each) => each.action === 2 && each.data.size === 0));
for (const id of new Set(children().map((each) => each.id))) {
  await post("Order/cancel", { accountId: account.id, orderId: id });
  await until(`child ${id} is cancelled`, () => of(id, 3));
}

await invoke(market, "UnsubscribeContractQuotes", contract.id);
await market.stop();
await user.stop();
process.stdout.write(`${JSON.stringify(seen)}\n`);
