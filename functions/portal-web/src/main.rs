//! Wires `portal-web` to Lambda.

use std::sync::Arc;

use identity::{Expected, HttpKeys, Verifier};
use platform::aws::Aws;
use platform::clock::SystemClock;
use platform::config::{Config, Environment, IssuerSettings, PagesSettings, portal_firm};
use platform::log::{self, Format};
use portal_web::{SignIn, SignInSettings, State, router};
use services::office::Office;
use services::portal::Portal;
use store::Dynamo;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    log::begin(Format::Json)?;
    lambda_http::run(router(state()?)).await
}

fn state() -> anyhow::Result<State> {
    let environment = Environment::of_process();
    let config = Config::read(&environment)?;
    let issuer = IssuerSettings::read(&environment)?;
    let pages = PagesSettings::read(&environment)?;
    let sign_in = SignInSettings {
        authorize_url: pages.authorize_url,
        token_url: pages.token_url,
        client_id: issuer.audience.clone(),
        public_url: pages.public_url,
    };
    let expected =
        Expected { issuer: issuer.url, audience: issuer.audience, says_mfa: issuer.says_mfa };
    let verifier = Verifier::new(expected, Arc::new(HttpKeys::at(issuer.keys_url)));
    let dynamo = Dynamo::new(Aws::new(&config.aws)?.dynamodb(), config.table);
    let office = Office::new(dynamo.clone(), Arc::new(verifier), Arc::new(SystemClock));
    let usual_firm = portal_firm(&environment)?.map(|firm| firm.parse()).transpose()?;
    let portal = Portal::new(dynamo, Arc::new(SystemClock), usual_firm);
    Ok(State { office, portal, sign_in: Arc::new(SignIn::new(sign_in)), test_system: None })
}
