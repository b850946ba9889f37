//! The firm's deposit accounts: which of them a payment goes to, and which are there at all.
//!
//! Left out, the gateway would pick its primary account, and a fee could land among the money that a lawyer holds
//! for others. So nothing is asked for without one, and a firm that has any trust account says for each payment
//! which money it is.

use std::str::FromStr;

use domain::invoice::Deposit;
use domain::money::Currency;
use reqwest::Url;

use super::objects::{Account, Merchant};
use super::{AffiniPay, DepositAccount};
use crate::{CheckoutError, ConfigError, GatewayError, Method, ObjectId};

/// A text that is no deposit account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected ACCOUNT,operating|trust,card|echeck, and perhaps ,https://the.payment/page and ,USD"
)]
pub struct AccountError;

impl FromStr for DepositAccount {
    type Err = AccountError;

    /// `ACCOUNT,trust,card,https://secure.lawpay.com/pages/acme/trust,USD`; the last two may be left out.
    fn from_str(text: &str) -> Result<Self, AccountError> {
        let mut parts = text.split(',').map(str::trim);
        let mut next = || parts.next().filter(|part| !part.is_empty()).ok_or(AccountError);
        let id = next()?.parse().map_err(|_| AccountError)?;
        let deposit = match next()? {
            "operating" => Deposit::Operating,
            "trust" => Deposit::Trust,
            _ => return Err(AccountError),
        };
        let method = match next()? {
            "card" => Method::Card,
            "echeck" => Method::Ach,
            _ => return Err(AccountError),
        };
        let mut account = Self { id, deposit, method, currency: Currency::USD, page_url: None };
        for part in parts {
            if is_page(part) && account.page_url.is_none() {
                account.page_url = Some(part.to_owned());
            } else {
                account.currency = part.parse().map_err(|_| AccountError)?;
            }
        }
        Ok(account)
    }
}

/// An address that amount and reference can be added to.
fn is_page(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| {
        let is_web = matches!(url.scheme(), "https" | "http") && url.has_host();
        is_web && url.query().is_none() && url.fragment().is_none()
    })
}

/// Whether each payment leads to one account.
pub(super) fn check(accounts: &[DepositAccount]) -> Result<(), ConfigError> {
    for (index, account) in accounts.iter().enumerate() {
        let is_same = |other: &DepositAccount| {
            (&other.deposit, &other.method, other.currency)
                == (&account.deposit, &account.method, account.currency)
        };
        if accounts[..index].iter().any(is_same) {
            return Err(ConfigError::TwoAccounts(account.id.to_string()));
        }
        if let Some(url) = &account.page_url {
            let is_page = Url::parse(url)
                .is_ok_and(|url| matches!(url.scheme(), "https" | "http") && url.query().is_none());
            if !is_page {
                return Err(ConfigError::BaseUrl(url.clone()));
            }
        }
    }
    Ok(())
}

impl AffiniPay {
    /// Whether the firm linked that account.
    pub(super) fn is_linked(&self, id: Option<&str>) -> bool {
        id.is_some_and(|id| self.accounts.iter().any(|account| account.id.as_str() == id))
    }

    /// The first account for that money that takes one of the methods, in their order, and passes `also`.
    pub(super) fn account(
        &self,
        deposit: Option<Deposit>,
        methods: &[Method],
        currency: Currency,
        also: impl Fn(&DepositAccount) -> bool,
    ) -> Result<&DepositAccount, CheckoutError> {
        let deposit = self.deposit(deposit)?;
        let of_money = || self.accounts.iter().filter(|account| account.deposit == deposit);
        if of_money().next().is_none() {
            let name = name(deposit);
            return Err(CheckoutError::Deposit(format!("none linked for {name} money")));
        }
        let fits = |account: &&DepositAccount| account.currency == currency && also(account);
        let mut found = methods
            .iter()
            .filter_map(|method| of_money().filter(fits).find(|account| account.method == *method));
        found.next().ok_or(CheckoutError::NoMethod { currency })
    }

    /// Nobody needs to say it where all money is the firm's own.
    fn deposit(&self, deposit: Option<Deposit>) -> Result<Deposit, CheckoutError> {
        if let Some(deposit) = deposit {
            return Ok(deposit);
        }
        let mut kinds: Vec<_> = self.accounts.iter().map(|account| account.deposit).collect();
        kinds.sort_unstable();
        kinds.dedup();
        match kinds.as_slice() {
            [Deposit::Operating] => Ok(Deposit::Operating),
            [] => Err(CheckoutError::Deposit("none linked".to_owned())),
            kinds => {
                let names: Vec<_> = kinds.iter().copied().map(name).collect();
                Err(CheckoutError::Deposit(format!("those for {} money", names.join(" and "))))
            }
        }
    }

    /// The accounts that the key sees, to choose from when the firm connects. What the gateway doesn't say is
    /// whether an account is for trust money: then nobody guesses, and the firm has to.
    ///
    /// # Errors
    /// [`GatewayError`].
    pub async fn accounts_there(&self) -> Result<Vec<AccountThere>, GatewayError> {
        let merchant: Merchant =
            self.transport.within_total(self.ask("merchant", "merchant", &[])).await?;
        let of = |list: Vec<Account>, method: Method| {
            list.into_iter().filter(Account::is_active).map(move |account| {
                let id = account.id.parse().map_err(|error| {
                    GatewayError::malformed(format!("account {:?}: {error}", account.id))
                })?;
                let deposit = account
                    .trust_account
                    .map(|is_trust| if is_trust { Deposit::Trust } else { Deposit::Operating });
                Ok(AccountThere {
                    id,
                    name: account.name.unwrap_or_default(),
                    deposit,
                    method: method.clone(),
                })
            })
        };
        of(merchant.merchant_accounts, Method::Card)
            .chain(of(merchant.ach_accounts, Method::Ach))
            .collect()
    }
}

fn name(deposit: Deposit) -> &'static str {
    match deposit {
        Deposit::Operating => "operating",
        Deposit::Trust => "trust",
    }
}

/// An account as the gateway knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountThere {
    /// Its id.
    pub id: ObjectId,
    /// What the firm called it there.
    pub name: String,
    /// Whose money it holds, if the gateway says.
    pub deposit: Option<Deposit>,
    /// Cards or eChecks.
    pub method: Method,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deposit_account_is_written_in_one_line() {
        for (text, expected) in [
            ("a1,operating,card", Ok((Deposit::Operating, Method::Card, "USD", None))),
            (
                "a1, trust, echeck, https://secure.lawpay.com/pages/acme/trust",
                Ok((
                    Deposit::Trust,
                    Method::Ach,
                    "USD",
                    Some("https://secure.lawpay.com/pages/acme/trust"),
                )),
            ),
            (
                "a1,trust,card,https://x.example/p,CAD",
                Ok((Deposit::Trust, Method::Card, "CAD", Some("https://x.example/p"))),
            ),
            ("", Err(AccountError)),
            ("a1,operating", Err(AccountError)),
            ("a/1,operating,card", Err(AccountError)),
            ("a1,Operating,card", Err(AccountError)),
            ("a1,trust,bank", Err(AccountError)),
            ("a1,trust,card,", Err(AccountError)),
            ("a1,trust,card,https://x.example/p?amount=1", Err(AccountError)),
            ("a1,trust,card,ftp://x.example/p", Err(AccountError)),
        ] {
            let read = text.parse::<DepositAccount>();
            let read = read
                .as_ref()
                .map(|a| (a.deposit, a.method.clone(), a.currency.code(), a.page_url.as_deref()));
            assert_eq!(read.map_err(|error| *error), expected, "for {text:?}");
        }
    }

    #[test]
    fn two_accounts_for_the_same_money_are_refused() {
        let accounts = |texts: &[&str]| -> Vec<DepositAccount> {
            texts.iter().map(|text| text.parse().unwrap()).collect()
        };
        let all =
            ["a,operating,card", "b,operating,echeck", "c,trust,card", "d,operating,card,CAD"];
        assert!(check(&accounts(&all)).is_ok());
        let error = check(&accounts(&["a,trust,card", "b,trust,card"])).unwrap_err().to_string();
        assert!(error.contains("account b takes the same as another one"), "{error}");
    }
}
