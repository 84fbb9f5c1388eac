//! A service of other people's making that embeds the engine: it records orders and says where a customer stands.
//!
//! ```console
//! $ cargo run -p tenure --example service -- shop.db 127.0.0.1:8080
//! $ curl -i localhost:8080/orders -H 'content-type: application/json' \
//!     -d '{"id": "o-77", "customer": "ann", "at": "2024-05-01T10:00:00Z", "total": "14.77", "currency": "USD"}'
//! $ curl -i 'localhost:8080/customers/ann?as_of=2024-06-30T00:00:00Z'
//! ```
//!
//! An order is on disk when its answer comes, and sent again it is stored once. Errors are problem JSON (RFC 9457).

use std::error::Error;
use std::future::Future;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{self, DefaultBodyLimit, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use tenure::sqlite::SqliteStore;
use tenure::store::{Clock, StoreError, SystemClock};
use tenure::{Customer, CustomerEvent, Engine, EngineError, Event, EventId, Money, Policy, Timestamp};
use tokio::net::TcpListener;

/// The engine as this service has it: one SQLite file. Cheap to clone, so every request has its own handle.
pub type Shop = Engine<SqliteStore>;

/// Customers and orders of this service are named within it.
const NAMESPACE: &str = "shop";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let path = args.next().unwrap_or_else(|| "shop.db".into());
    let address = args.next().unwrap_or_else(|| "127.0.0.1:8080".into());
    let engine = open(Path::new(&path)).await?;
    let listener = TcpListener::bind(&address).await?;
    writeln!(std::io::stderr(), "{engine:?} on http://{}", listener.local_addr()?)?;
    serve(listener, engine, stopped()).await?;
    Ok(())
}

/// Opens the shop's file, or makes it.
///
/// # Errors
/// If it is no store, or cannot be opened.
pub async fn open(path: &Path) -> Result<Shop, Box<dyn Error>> {
    Ok(tenure::open(path, Policy::preset("retail").ok_or("no such preset")?).await?)
}

/// Serves until `stop` is ready; then answers what was asked already and ends.
///
/// # Errors
/// If the socket fails.
pub async fn serve(
    listener: TcpListener,
    engine: Shop,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let served = axum::serve(listener, routes(engine.clone())).with_graceful_shutdown(stop);
    // Time ends with the service. A call to the engine that is dropped leaves nothing half done.
    tokio::select! {
        ended = served.into_future() => ended,
        never = pass_time(engine) => match never {},
    }
}

/// What this service answers.
pub fn routes(engine: Shop) -> Router {
    Router::new()
        .route("/orders", post(record_order))
        .route("/customers/{id}", get(customer))
        .fallback(|| async { problem(StatusCode::NOT_FOUND, "there is nothing here", None) })
        .method_not_allowed_fallback(|| async {
            problem(StatusCode::METHOD_NOT_ALLOWED, "this cannot be done here", None)
        })
        .layer(DefaultBodyLimit::max(64 << 10))
        .with_state(engine)
}

/// Every minute: tells whoever wants to know of customers that silence has moved, and takes in what other processes
/// have written to the file.
async fn pass_time(engine: Shop) -> std::convert::Infallible {
    let mut minutes = tokio::time::interval(Duration::from_mins(1));
    loop {
        minutes.tick().await;
        let told = match engine.advance(SystemClock.now()).await {
            // Here a service would send its messages, once for each id.
            Ok(passed) if passed.notices.is_empty() => continue,
            Ok(passed) => json!(passed.notices),
            Err(error) => json!({"error": error.to_string(), "hint": error.hint()}),
        };
        // A closed stderr is no reason to stop.
        let _ = writeln!(std::io::stderr(), "{told}");
    }
}

/// Control-C, or what a container is stopped by.
async fn stopped() {
    let interrupted = async {
        if tokio::signal::ctrl_c().await.is_err() {
            // Without a handler the signal stops the process by itself.
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminated = async {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => {
                terminate.recv().await;
            }
            Err(_) => std::future::pending::<()>().await,
        }
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending::<()>();
    tokio::select! {
        () = interrupted => {}
        () = terminated => {}
    }
}

/// An order as this service is told of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    id: String,
    customer: String,
    at: Timestamp,
    /// In decimal text, as a float would not be exact.
    total: String,
    currency: String,
}

impl Order {
    fn fact(self) -> Result<Event, Box<dyn Error>> {
        let total = Some(Money::parse(&self.total, self.currency.parse()?)?);
        let customer = Customer::parse(&self.customer, NAMESPACE)?;
        let id = EventId::from_foreign(NAMESPACE, &self.id);
        let order = CustomerEvent::OrderPlaced { order: Some(self.id), total, lines: vec![] };
        Ok(Event::new(id, customer, self.at, order)?)
    }
}

async fn record_order(
    State(engine): State<Shop>,
    body: Result<Json<Order>, JsonRejection>,
) -> Result<Response, Problem> {
    let Json(order) = body.map_err(|error| Problem::new(error.status(), &error.body_text()))?;
    let fact =
        order.fact().map_err(|error| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, &error.to_string()))?;
    let recorded = match engine.record([fact]).await {
        Ok(recorded) => recorded,
        // It is stored: what follows from it will be known later.
        Err(EngineError::Behind { stored, .. }) => {
            return Ok((StatusCode::ACCEPTED, Json(json!({"position": stored.head}))).into_response());
        }
        Err(error) => return Err(error.into()),
    };
    let status = if recorded.facts.already_stored() { StatusCode::OK } else { StatusCode::CREATED };
    let position = recorded.facts.facts.first().map(|placed| placed.position);
    Ok((status, Json(json!({"position": position, "notices": recorded.notices}))).into_response())
}

/// What a question may say.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    as_of: Option<Timestamp>,
}

async fn customer(
    State(engine): State<Shop>,
    id: Result<extract::Path<String>, PathRejection>,
    asked: Result<extract::Query<Asked>, QueryRejection>,
) -> Result<Response, Problem> {
    let extract::Path(id) = id.map_err(|error| Problem::new(error.status(), &error.body_text()))?;
    let extract::Query(asked) = asked.map_err(|error| Problem::new(error.status(), &error.body_text()))?;
    let customer = Customer::parse(&id, NAMESPACE)
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, &error.to_string()))?;
    let mut question = engine.customer(customer.id());
    if let Some(at) = asked.as_of {
        question = question.as_of(at);
    }
    if let Some(view) = question.await? {
        return Ok(Json(view).into_response());
    }
    let then = asked.as_of.map_or_else(String::new, |at| format!(" as of {at}"));
    let detail = format!("no facts are known of customer {customer}{then}");
    Err(Problem::new(StatusCode::NOT_FOUND, &detail))
}

/// An error as people and programs can read it.
#[derive(Debug)]
struct Problem {
    status: StatusCode,
    detail: String,
    hint: Option<&'static str>,
}

impl Problem {
    fn new(status: StatusCode, detail: &str) -> Self {
        Self { status, detail: detail.into(), hint: None }
    }
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        let status = match &error {
            EngineError::Store(StoreError::Refused(_)) => StatusCode::CONFLICT,
            EngineError::Store(StoreError::Locked { .. } | StoreError::Unknown(_) | StoreError::Poisoned) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self { status, detail: error.to_string(), hint: error.hint() }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        problem(self.status, &self.detail, self.hint)
    }
}

fn problem(status: StatusCode, detail: &str, hint: Option<&str>) -> Response {
    let mut body = json!({
        "type": "about:blank", "title": status.canonical_reason(), "status": status.as_u16(), "detail": detail,
    });
    if let (Some(hint), Value::Object(body)) = (hint, &mut body) {
        body.insert("hint".into(), hint.into());
    }
    let mut response = (status, Json(body)).into_response();
    let kind = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}
