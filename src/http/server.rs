//! The port: accepts connections and gives each a thread.

use super::connection::serve;
use super::places::{Place, Places};
use super::tls::{Encrypted, HANDSHAKE, LOOK};
use super::wire::{Link, Tcp};
use super::{Identity, Limits, Refusal, Request, Response, Service};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The stack of a connection's thread.
const STACK: usize = 1 << 20;

/// How long no connection is accepted after the system had no threads or files left for one.
const PAUSE: Duration = Duration::from_millis(50);

/// A port that is listened on.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    /// Is closed to end the server.
    wake: UnixStream,
    stop: Arc<UnixStream>,
    /// Whether connections are encrypted.
    identity: Option<Identity>,
}

/// Ends a [`Server`] from any thread.
#[derive(Clone, Debug)]
pub struct Stopper(Arc<UnixStream>);

impl Stopper {
    /// Takes no more connections and requests; those that are being received are still answered, if
    /// they come in time.
    pub fn stop(&self) {
        // It fails only where the server has ended.
        let _ = self.0.shutdown(std::net::Shutdown::Both);
    }
}

impl Server {
    /// Opens a port; 0 is any that is free.
    ///
    /// # Errors
    /// An address that is not free, or is not of this machine.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (wake, stop) = UnixStream::pair()?;
        Ok(Self { listener, address, wake, stop: Arc::new(stop), identity: None })
    }

    /// Lets all connections be encrypted.
    #[must_use]
    pub fn with_tls(self, identity: Option<Identity>) -> Self {
        Self { identity, ..self }
    }

    /// Returns the address, with the port that was chosen.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns what ends the server.
    pub fn stopper(&self) -> Stopper {
        Stopper(self.stop.clone())
    }

    /// Starts to serve, in threads of its own. The thread that is returned ends after the last request
    /// has been answered.
    ///
    /// # Errors
    /// No threads are left.
    pub fn start(self, service: Arc<dyn Service>, limits: Limits) -> io::Result<JoinHandle<()>> {
        let thread = std::thread::Builder::new().name("http".into());
        thread.spawn(move || {
            let places = Places::new(limits.connections);
            self.accept(&service, &places, limits);
            drop(self.listener);
            places.end(limits.farewell);
            service.ended();
        })
    }

    fn accept(&self, service: &Arc<dyn Service>, places: &Arc<Places>, limits: Limits) {
        let mut told: Option<Instant> = None;
        let pace = self.identity.as_ref().map(|_| LOOK);
        while self.wait(true, pace) {
            if let Some(identity) = &self.identity {
                identity.look();
            }
            let started = match self.listener.accept() {
                Ok((stream, _)) => begin(stream, service, places, limits, self.identity.clone()),
                Err(error) => Err(error),
            };
            let Err(error) = started else { continue };
            if matches!(
                error.kind(),
                ErrorKind::WouldBlock | ErrorKind::ConnectionAborted | ErrorKind::Interrupted
            ) {
                continue;
            }
            // No descriptors or threads are left.
            if told.is_none_or(|told| told.elapsed() > Duration::from_secs(10)) {
                log::warn!("{}: a connection cannot be taken: {error}", self.address);
                told = Some(Instant::now());
            }
            if !places.make_room() {
                self.wait(false, Some(PAUSE));
            }
        }
    }

    /// Waits for a connection, if one is wanted; false when it is time to end.
    fn wait(&self, connection: bool, time: Option<Duration>) -> bool {
        let mut fds = vec![PollFd::new(&self.wake, PollFlags::IN)];
        if connection {
            fds.push(PollFd::new(&self.listener, PollFlags::IN));
        }
        let time = time.and_then(|time| Timespec::try_from(time).ok());
        match poll(&mut fds, time.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => fds[0].revents().is_empty(),
            Err(error) => {
                log::error!("{}: connections cannot be waited for: {error}", self.address);
                false
            }
        }
    }
}

/// Gives a connection a place and a thread, or refuses it.
fn begin(
    stream: TcpStream,
    service: &Arc<dyn Service>,
    places: &Arc<Places>,
    limits: Limits,
    identity: Option<Identity>,
) -> io::Result<()> {
    // Some systems hand the listener's mode on.
    stream.set_nonblocking(false)?;
    let _ = stream.set_nodelay(true);
    let socket = Arc::new(stream);
    let Some(place) = places.enter(&socket) else {
        let refusal = Refusal::new(503, "all connections are in use: try again in a moment");
        let response = service.refuse(&refusal).with_header("Retry-After", "1");
        if identity.is_some() {
            // An answer would need a handshake first.
            let _ = socket.shutdown(std::net::Shutdown::Both);
            return Ok(());
        }
        // It fits into the empty buffer of a new connection; it does not matter if it is not read.
        let _ = socket.set_write_timeout(Some(PAUSE));
        let _ = (&*socket).write_all(&response.encode(false, true));
        let _ = socket.shutdown(std::net::Shutdown::Write);
        return Ok(());
    };
    let service = service.clone();
    let thread = std::thread::Builder::new().name("connection".into()).stack_size(STACK);
    thread.spawn(move || {
        let mut plain = Tcp(socket);
        match identity {
            None => serve(&mut plain, &*service, limits, Some(&place)),
            Some(identity) => encrypted(plain, &identity, &*service, limits, &place),
        }
    })?;
    Ok(())
}

/// Serves a connection with TLS; a sender without TLS gets an answer that says so.
fn encrypted(
    mut plain: Tcp,
    identity: &Identity,
    service: &dyn Service,
    limits: Limits,
    place: &Place,
) {
    let mut first = [0];
    let peeked = plain.wait_at_most(limits.stall).and_then(|()| plain.0.peek(&mut first));
    match peeked {
        Ok(1..) if first[0] == HANDSHAKE => {
            if let Ok(mut link) = Encrypted::new(plain, identity) {
                serve(&mut link, service, limits, Some(place));
            }
        }
        Ok(1..) => serve(&mut plain, &WithoutTls(service), limits, Some(place)),
        Ok(_) | Err(_) => {}
    }
}

/// Answers a sender without TLS that TLS is required.
struct WithoutTls<'s>(&'s dyn Service);

impl Service for WithoutTls<'_> {
    fn respond(&self, _: &mut Request<'_>) -> Response {
        let refusal =
            Refusal::new(400, "this port speaks TLS only: write https:// in place of http://");
        self.0.refuse(&refusal)
    }
}
