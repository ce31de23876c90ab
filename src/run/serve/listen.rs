//! Connections: accepted up to a limit, given little time to speak, finished before the end.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, Response, StatusCode, header};
use axum::response::IntoResponse;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;
use tower_service::Service as _;
use tracing::{debug, warn};

use super::routes::{LONGEST_BODY, router};
use super::{Service, Stop};

/// Answers that were begun when the service is stopped.
const LAST_ANSWERS: Duration = Duration::from_secs(10);
/// Request line and header fields together; more gets 431.
const LARGEST_HEADER: usize = 16 * 1024;

/// What clients may take of our time and room.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    pub connections: usize,
    pub header_time: Duration,
    pub answer_time: Duration,
}

pub async fn answer_until(
    service: Arc<Service>,
    listener: TcpListener,
    bounds: Bounds,
    stop: Stop,
) -> std::io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let places = Arc::new(Semaphore::new(bounds.connections));
    let graceful = GracefulShutdown::new();
    let router = router(Arc::clone(&service));
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(bounds.header_time).max_buf_size(LARGEST_HEADER);
    let mut stopped = std::pin::pin!(stopped(stop));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
        let (stream, peer) = tokio::select! {
            () = &mut stopped => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(fault) => {
                    // Out of descriptors, or a client that went away: others wait behind it.
                    warn!("a connection could not be accepted: {fault}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        // An answer is small and written at once; waiting to fill a packet only delays it.
        let _ = stream.set_nodelay(true);
        let (service, router) = (Arc::clone(&service), router.clone());
        let connection = http.serve_connection(
            TokioIo::new(stream),
            service_fn(move |request| {
                answer(Arc::clone(&service), router.clone(), peer, bounds.answer_time, request)
            }),
        );
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(fault) = connection.await {
                debug!("a connection ended early: {fault}");
            }
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(LAST_ANSWERS, graceful.shutdown()).await.is_err() {
        warn!("some answers were not finished in time");
    }
    Ok(())
}

async fn stopped(stop: Stop) {
    match stop {
        Stop::When(told) => drop(told.await),
        Stop::Signals => {
            let (Ok(mut term), Ok(mut int)) =
                (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
            else {
                warn!("signals cannot be heard; only SIGKILL stops the service");
                return std::future::pending().await;
            };
            tokio::select! {
                _ = term.recv() => {},
                _ = int.recv() => {},
            }
        }
    }
}

async fn answer(
    service: Arc<Service>,
    mut router: axum::Router,
    peer: SocketAddr,
    time: Duration,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let mut response = if let Some(status) = refused(&request) {
        let mut response = status.into_response();
        // What follows on this connection may be the body of what was refused.
        response.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
        response
    } else if let Some(file) = service.published(request.method(), request.uri().path(), request.headers()) {
        file
    } else {
        let (mut parts, body) = request.into_parts();
        parts.extensions.insert(ConnectInfo(peer));
        let request = Request::from_parts(parts, Body::new(body));
        match tokio::time::timeout(time, router.call(request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(never)) => match never {},
            Err(_) => StatusCode::REQUEST_TIMEOUT.into_response(),
        }
    };
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, STRICT),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        response.headers_mut().entry(name).or_insert(header::HeaderValue::from_static(value));
    }
    Ok(response)
}

/// Nothing runs, nothing loads but our own style sheet, forms post to us alone, nobody frames us.
const STRICT: &str =
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What is refused before its body is read.
fn refused(request: &Request<Incoming>) -> Option<StatusCode> {
    let headers = request.headers();
    // Two lengths for one body is how requests are smuggled past a proxy (RFC 9112 6.3). No form
    // and no mail provider sends chunks, so nothing is lost by taking none.
    if headers.contains_key(header::TRANSFER_ENCODING) {
        return Some(StatusCode::BAD_REQUEST);
    }
    let length =
        headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    length.is_some_and(|length| length > LONGEST_BODY as u64).then_some(StatusCode::PAYLOAD_TOO_LARGE)
}
