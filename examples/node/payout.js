// Publishes a payout and prints how it ends: node payout.js ORDER_ID COIN ADDRESS AMOUNT [ACCOUNT]
//
// LEDGER_AMQP_URL says where RabbitMQ is. Exit code 0: succeeded, 1: failed or rejected, 2: not sent or not known.
// Whatever happens, the same command line may be run again: an orderId is paid once, and its result is told again.

import { randomUUID } from "node:crypto";

import amqp from "amqplib";

import { checkCommand, checkEvent } from "./schemas.js";

const WAIT_SECONDS = 60;

async function main([orderId, coin, address, amount, account = "merchant"]) {
  // The amount stays text: a JSON number would lose money.
  const { command, routingKey } = checkCommand({ type: "payout", orderId, coin, address, amount, account });
  const connection = await amqp.connect(process.env.LEDGER_AMQP_URL);
  connection.on("error", () => giveUp("the connection to RabbitMQ ended"));
  const channel = await connection.createConfirmChannel();
  channel.on("error", (error) => giveUp(error.message));

  const messageId = randomUUID();
  // First the queue, then the command: an event that comes at once is not missed.
  const results = await listen(channel, command, messageId);
  await publish(channel, routingKey, command, messageId);
  const { result, error, entries } = await results.end;

  await connection.close();
  console.log(JSON.stringify({ result, error, entries }));
  return result === "succeeded" ? 0 : 1;
}

// A service that consumes all the time has a durable queue of its own instead, `assertQueue("billing.events")`, and
// remembers the ids of handled events in its database: delivery is at least once.
async function listen(channel, command, messageId) {
  const { queue } = await channel.assertQueue("", { exclusive: true });
  await channel.bindQueue(queue, "ledger.events", `${command.type}.*`);
  const seen = new Set();
  const end = new Promise((resolve, reject) => {
    const take = (delivery) => {
      channel.ack(delivery);
      const told = JSON.parse(delivery.content.toString());
      if (told.data.orderId !== command.orderId || seen.has(told.id)) return;
      seen.add(told.id);
      const { event, isTerminal } = checkEvent(told);
      if (!isAbout(event, delivery.properties.correlationId, messageId)) return;
      if (isTerminal) resolve(event.data);
      else console.error(event.data.result); // processing, or review: a person must decide
    };
    channel.consume(queue, (delivery) => {
      try {
        take(delivery);
      } catch (error) {
        reject(error);
      }
    }).catch(reject);
  });
  end.catch(() => {}); // Whoever awaits it later hears of it.
  return { end };
}

// The rejection of somebody else's message under the same orderId says nothing about this order.
function isAbout(event, correlationId, messageId) {
  const neverAnOrder = ["invalid_command", "order_id_conflict"].includes(event.data.error?.code);
  return !neverAnOrder || correlationId === messageId;
}

// Persistent, mandatory, confirmed: when this is done, the command waits in the worker's queue.
async function publish(channel, routingKey, command, messageId) {
  let isReturned = false;
  channel.once("return", () => (isReturned = true));
  channel.publish("ledger.commands", routingKey, Buffer.from(JSON.stringify(command)), {
    contentType: "application/json",
    persistent: true,
    mandatory: true,
    messageId,
    correlationId: messageId,
    appId: "node-example",
  });
  await channel.waitForConfirms(); // Throws when the broker refuses it.
  if (isReturned) throw new Error(`no queue takes ${routingKey}: is the provider set up at a worker?`);
}

function giveUp(reason) {
  console.error(reason);
  process.exit(2);
}

setTimeout(() => giveUp("the order goes on; run the same again to hear its result"), WAIT_SECONDS * 1000).unref();
main(process.argv.slice(2)).then(process.exit, (error) => giveUp(error.message));
