//! The connection to the server: one for commands, one for messages, and the task that keeps both up.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use mcpg_cluster::{Error, ErrorKind, Nonce, Result, Support};
use parking_lot::Mutex;
use redis::aio::{MultiplexedConnection, PubSubSink, PubSubStream};
use redis::{AsyncConnectionConfig, Cmd, FromRedisValue, RedisError};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use crate::config::Settings;
use crate::error::{Effect, Secrets, breaks_connection, from_redis, unanswered};
use crate::gate::{Gate, closed_error};
use crate::names::Names;
use crate::scripts::{Prepared, Scripts};
use crate::subscriptions::{Mailbox, Subscriptions};
use crate::support;

pub(crate) const OPERATION_TIMEOUT: Duration = Duration::from_secs(5);

/// How often the connections are tried by a message that goes out on one and comes back on the other.
const PULSE_INTERVAL: Duration = Duration::from_secs(2);

const LONGEST_BACK_OFF: Duration = Duration::from_secs(1);

/// What all primitives of one replica share.
pub(crate) struct Client {
    pub(crate) settings: Settings,
    pub(crate) names: Names,
    pub(crate) scripts: Scripts,
    pub(crate) gate: Gate,
    server: redis::Client,
    secrets: Secrets,
    subscriptions: Subscriptions,
    support: Mutex<Support>,
    state: watch::Sender<State>,
    /// The newest generation that somebody found broken.
    broken: watch::Sender<u64>,
    /// How many stays of this replica are not over yet.
    stays: watch::Sender<usize>,
}

/// Whether there is a connection. The generation grows with each new one.
#[derive(Clone, Default)]
pub(crate) struct State {
    pub(crate) generation: u64,
    pub(crate) link: Option<Link>,
}

#[derive(Clone)]
pub(crate) struct Link {
    commands: MultiplexedConnection,
    sink: PubSubSink,
}

impl Client {
    /// Connects, and starts the task that reconnects until the client is closed.
    pub(crate) async fn open(settings: Settings) -> Result<Arc<Self>> {
        let secrets = Secrets::new(settings.secrets());
        let server = crate::config::server(&settings, &secrets)?;
        let database = server.get_connection_info().redis_settings().db();
        let client = Arc::new(Self {
            names: Names::new(&settings.key_prefix, database),
            scripts: Scripts::new(),
            gate: Gate::default(),
            server,
            secrets,
            subscriptions: Subscriptions::default(),
            support: Mutex::new(Support::weakest()),
            state: watch::Sender::new(State::default()),
            broken: watch::Sender::new(0),
            stays: watch::Sender::new(0),
            settings,
        });
        let connected = client.connect().await?;
        tokio::spawn(Arc::clone(&client).keep_up(connected));
        Ok(client)
    }

    pub(crate) fn support(&self) -> Support {
        self.support.lock().clone()
    }

    pub(crate) fn states(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    pub(crate) fn generation(&self) -> u64 {
        self.state.borrow().generation
    }

    /// Waits until there is a connection, or the client is closed.
    pub(crate) async fn until_up(&self) {
        let mut states = self.states();
        tokio::select! {
            () = self.gate.closed() => {}
            _ = states.wait_for(|state| state.link.is_some()) => {}
        }
    }

    /// Ends everything; what this replica still has to say is given a second.
    pub(crate) async fn close(&self) {
        const FAREWELL: Duration = Duration::from_secs(1);
        self.gate.close();
        let mut stays = self.stays.subscribe();
        let _ = timeout(FAREWELL, stays.wait_for(|stays| *stays == 0)).await;
        let generation = self.generation();
        self.state.send_replace(State {
            generation,
            link: None,
        });
    }

    /// Counts a stay until what is returned is dropped.
    pub(crate) fn begin_stay(self: &Arc<Self>) -> StayCount {
        self.stays.send_modify(|stays| *stays += 1);
        StayCount(Arc::clone(self))
    }

    fn link(&self, effect: Effect) -> Result<(u64, Link)> {
        if effect != Effect::Farewell {
            self.gate.check()?;
        }
        let state = self.state.borrow();
        match &state.link {
            Some(link) => Ok((state.generation, link.clone())),
            None => Err(
                Error::new(ErrorKind::Unavailable, "there is no connection to redis")
                    .with_context("server", self.settings.shown_url()),
            ),
        }
    }

    /// Sends one command. Nothing is ever sent twice.
    pub(crate) async fn call<T: FromRedisValue>(&self, command: &Cmd, effect: Effect) -> Result<T> {
        let (generation, mut link) = self.link(effect)?;
        let answer = timeout(OPERATION_TIMEOUT, command.query_async(&mut link.commands)).await;
        self.judge(generation, answer, effect)
    }

    /// Runs a script by its hash, and by its text where the server does not know the hash: then nothing has run yet.
    pub(crate) async fn run<T: FromRedisValue>(
        &self,
        script: &Prepared,
        keys: &[&[u8]],
        arguments: &[&[u8]],
        effect: Effect,
    ) -> Result<T> {
        let (generation, mut link) = self.link(effect)?;
        let commands = &mut link.commands;
        let both = async move {
            let by_hash = script_call("EVALSHA", &script.hash, keys, arguments);
            match by_hash.query_async(commands).await {
                Err(error) if is_unknown_script(&error) => {
                    let by_text = script_call("EVAL", &script.text, keys, arguments);
                    by_text.query_async(commands).await
                }
                answer => answer,
            }
        };
        let answer = timeout(OPERATION_TIMEOUT, both).await;
        self.judge(generation, answer, effect)
    }

    fn judge<T>(
        &self,
        generation: u64,
        answer: Result<Result<T, RedisError>, tokio::time::error::Elapsed>,
        effect: Effect,
    ) -> Result<T> {
        match answer {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                if breaks_connection(&error) {
                    self.broken.send_replace(generation);
                }
                Err(from_redis(&error, effect, &self.secrets))
            }
            Err(_) => Err(unanswered(effect).with_context("server", self.settings.shown_url())),
        }
    }

    /// Listens to a channel and returns when the server has confirmed it.
    pub(crate) async fn subscribe(self: &Arc<Self>, channel: Vec<u8>) -> Result<Subscription> {
        let (generation, mut link) = self.link(Effect::Read)?;
        let mailbox = self
            .subscriptions
            .add(&channel, self.settings.subscribe_pattern_buffer);
        // From here on dropping it undoes what was done.
        let subscription = Subscription {
            client: Arc::clone(self),
            channel,
            mailbox,
        };
        let answer = timeout(OPERATION_TIMEOUT, link.sink.subscribe(&subscription.channel[..])).await;
        self.judge(generation, answer, Effect::Read)?;
        Ok(subscription)
    }

    /// Keeps the connections up until the client is closed.
    async fn keep_up(self: Arc<Self>, connected: Connected) {
        let mut connected = connected;
        loop {
            self.follow(connected).await;
            if self.gate.check().is_err() {
                return;
            }
            let generation = self.generation();
            self.state.send_replace(State {
                generation,
                link: None,
            });
            let reconnected = tokio::select! {
                () = self.gate.closed() => return,
                reconnected = self.reconnect() => reconnected,
            };
            connected = reconnected;
        }
    }

    async fn reconnect(&self) -> Connected {
        let mut back_off = Duration::from_millis(20);
        loop {
            match self.connect().await {
                Ok(connected) => return connected,
                Err(error) => {
                    tracing::warn!(message = "Connecting to redis failed.", %error);
                }
            }
            // Replicas that lost the same server must not come back in step.
            let jitter = Nonce::random().map_or(0, |nonce| nonce.as_u128() % 100);
            let jitter = u32::try_from(jitter).unwrap_or(0);
            sleep(back_off + back_off * jitter / 100).await;
            back_off = (back_off * 2).min(LONGEST_BACK_OFF);
        }
    }

    async fn connect(&self) -> Result<Connected> {
        match timeout(OPERATION_TIMEOUT, self.connect_both()).await {
            Ok(connected) => connected,
            Err(_) => Err(
                Error::new(ErrorKind::Unavailable, "redis did not let us in in time")
                    .with_context("server", self.settings.shown_url()),
            ),
        }
    }

    async fn connect_both(&self) -> Result<Connected> {
        let unreached = |error: RedisError| {
            from_redis(&error, Effect::Read, &self.secrets).with_context("server", self.settings.shown_url())
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(OPERATION_TIMEOUT))
            .set_response_timeout(None);
        let mut commands = self
            .server
            .get_multiplexed_async_connection_with_config(&config)
            .await
            .map_err(unreached)?;
        let mut name = redis::cmd("CLIENT");
        name.arg("SETNAME").arg(&self.settings.node_id);
        // It only serves who looks at the server's list of clients; not every node id is a name that redis takes.
        let _ = name.exec_async(&mut commands).await;
        let support = support::read(&mut commands).await?;
        let pubsub = self.server.get_async_pubsub().await.map_err(unreached)?;
        let (mut sink, messages) = pubsub.split();
        let pulse = self.names.pulse(&Nonce::random()?.to_string());
        sink.subscribe(&pulse[..]).await.map_err(unreached)?;
        for channel in self.subscriptions.channels() {
            sink.subscribe(&channel[..]).await.map_err(unreached)?;
        }
        *self.support.lock() = support;
        let link = Link { commands, sink };
        let generation = self.generation() + 1;
        if generation > 1 {
            self.subscriptions.gap();
        }
        self.state.send_replace(State {
            generation,
            link: Some(link.clone()),
        });
        Ok(Connected {
            generation,
            link,
            messages,
            pulse,
        })
    }

    /// Hands out messages until the connection is lost or the client closed.
    async fn follow(&self, connected: Connected) {
        let Connected {
            generation,
            link,
            mut messages,
            pulse,
        } = connected;
        let mut broken = self.broken.subscribe();
        let mut beat = interval(PULSE_INTERVAL);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = Instant::now();
        loop {
            tokio::select! {
                () = self.gate.closed() => return,
                _ = broken.wait_for(|broken| *broken >= generation) => return,
                message = messages.next() => {
                    let Some(message) = message else { return };
                    let channel: Vec<u8> = message.get_channel().unwrap_or_default();
                    if channel == pulse {
                        heard = Instant::now();
                    } else {
                        let payload = Bytes::copy_from_slice(message.get_payload_bytes());
                        self.subscriptions.deliver(&channel, &payload);
                    }
                }
                _ = beat.tick() => {
                    if heard.elapsed() > OPERATION_TIMEOUT + PULSE_INTERVAL {
                        return;
                    }
                    send_pulse(link.commands.clone(), &pulse);
                }
            }
        }
    }
}

/// A stay that `Client::close` waits for.
pub(crate) struct StayCount(Arc<Client>);

impl Drop for StayCount {
    fn drop(&mut self) {
        self.0.stays.send_modify(|stays| *stays -= 1);
    }
}

struct Connected {
    generation: u64,
    link: Link,
    messages: PubSubStream,
    pulse: Vec<u8>,
}

/// Sends the pulse without waiting: a connection that swallows it must not stop the messages that still arrive.
fn send_pulse(mut commands: MultiplexedConnection, pulse: &[u8]) {
    let mut command = redis::cmd("PUBLISH");
    command.arg(pulse).arg("");
    tokio::spawn(async move {
        // What does not come back is noticed by the receiver.
        let _ = timeout(OPERATION_TIMEOUT, command.exec_async(&mut commands)).await;
    });
}

fn script_call(verb: &str, script: &str, keys: &[&[u8]], arguments: &[&[u8]]) -> Cmd {
    let mut command = redis::cmd(verb);
    command.arg(script).arg(keys.len());
    for part in keys.iter().chain(arguments) {
        command.arg(*part);
    }
    command
}

fn is_unknown_script(error: &RedisError) -> bool {
    error.kind() == redis::ErrorKind::Server(redis::ServerErrorKind::NoScript)
}

/// One reader of one channel.
pub(crate) struct Subscription {
    client: Arc<Client>,
    channel: Vec<u8>,
    mailbox: Arc<Mailbox>,
}

impl Subscription {
    /// The next event; an error once the coordinator is closed.
    pub(crate) async fn next(&self) -> Result<mcpg_cluster::Event> {
        tokio::select! {
            biased;
            () = self.client.gate.closed() => Err(closed_error()),
            event = self.mailbox.next() => Ok(event),
        }
    }

    /// Forgets what waits.
    pub(crate) fn clear(&self) {
        self.mailbox.clear();
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if !self.client.subscriptions.remove(&self.channel, &self.mailbox) {
            return;
        }
        let Ok((_, mut link)) = self.client.link(Effect::Read) else {
            return;
        };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let (client, channel) = (Arc::clone(&self.client), std::mem::take(&mut self.channel));
        runtime.spawn(async move {
            if client.subscriptions.is_wanted(&channel) {
                return;
            }
            let _ = timeout(OPERATION_TIMEOUT, link.sink.unsubscribe(&channel[..])).await;
            // Somebody may have come just before the request left, and have lost messages to it.
            if client.subscriptions.is_wanted(&channel) {
                let _ = timeout(OPERATION_TIMEOUT, link.sink.subscribe(&channel[..])).await;
                client.subscriptions.gap_in(&channel);
            }
        });
    }
}
