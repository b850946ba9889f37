//! The sixty clients of the sample ledger: what they buy, and how they pay.
//!
//! The names are what a ledger really holds: commas, quotes, apostrophes, umlauts, other scripts, and one
//! that is longer than any column on a screen. How a client pays (its [`Habit`]) is written down here
//! rather than drawn, because the end of the ledger is where a tour of the system begins: in October 2026 a
//! few clients are locked, one by one, and not the whole book at once (LOCK-10).

use super::money::Currency::{self, Eur, Jpy, Usd};
use Cadence::{Monthly, Quarterly, Yearly};
use Habit::{Late, OnDue, PartOnly, Prompt, Stops};

/// One client of the sample ledger.
pub struct Client {
    /// As in the ledger.
    pub name: &'static str,
    /// Empty: nobody to write to.
    pub email: &'static str,
    /// Of its regular invoices.
    pub currency: Currency,
    /// How often its regular invoices come.
    pub cadence: Cadence,
    /// Of each regular invoice, before it varies.
    pub fee_dollars: u64,
    /// How it pays.
    pub habit: Habit,
}

/// How often a client is billed for its running work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cadence {
    /// Bookkeeping, in the first days of each month.
    Monthly,
    /// Accounting, at the start of each quarter.
    Quarterly,
    /// An audit in March, and its interim work in September.
    Yearly,
}

/// How a client pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Habit {
    /// Within days of the invoice.
    Prompt,
    /// In the last days before the due date.
    OnDue,
    /// Up to three weeks after it.
    Late,
    /// Promptly, until the first of this month (year, month), and never since.
    Stops(i32, u32),
    /// Promptly, until the first of this month, and since then half of each invoice.
    PartOnly(i32, u32),
}

const fn client(
    name: &'static str,
    email: &'static str,
    currency: Currency,
    cadence: Cadence,
    fee_dollars: u64,
    habit: Habit,
) -> Client {
    Client { name, email, currency, cadence, fee_dollars, habit }
}

/// In the order of their ids, `c-001` first.
pub const CLIENTS: [Client; 60] = [
    client("Acme Tooling, Inc.", "ann@acme.example", Usd, Monthly, 420, Stops(2026, 7)),
    client(
        "Harborlight Marine Supply LLC",
        "accounts@harborlight.example",
        Usd,
        Monthly,
        380,
        Prompt,
    ),
    client("\"Blue Door\" Bakery, LLC", "office@bluedoor.example", Usd, Monthly, 290, Late),
    client(
        "Bäckerei Morgenröte GmbH",
        "buchhaltung@morgenroete.example",
        Eur,
        Monthly,
        350,
        Prompt,
    ),
    client(
        "Kirschgarten Weinhandel & Söhne KG",
        "rechnung@kirschgarten.example",
        Eur,
        Quarterly,
        1_150,
        Prompt,
    ),
    client("Sakura Precision K.K.", "keiri@sakura-precision.example", Jpy, Monthly, 610, Prompt),
    client("株式会社あおぞら設計", "info@aozora-sekkei.example", Jpy, Quarterly, 1_480, Prompt),
    client("O'Malley's Pub & Kitchen", "bills@omalleys.example", Usd, Quarterly, 860, Late),
    client(
        "Northfield Veterinary Partners, P.C.",
        "office@northfield-vet.example",
        Usd,
        Monthly,
        540,
        Prompt,
    ),
    client("Juniper & Finch Interiors", "studio@juniperfinch.example", Usd, Quarterly, 780, Prompt),
    client(
        "The Greater Willow County Cooperative Association of Independent Orchard Growers, Cider Makers, and \
         Farm Market Operators, Inc. (d/b/a \"Willow Orchards\")",
        "treasurer@willow-orchards.example",
        Usd,
        Quarterly,
        2_240,
        OnDue,
    ),
    client(
        "Riverbend Dental Group",
        "frontdesk@riverbend-dental.example",
        Usd,
        Monthly,
        460,
        Prompt,
    ),
    client("Crème & Cacao, S.à r.l.", "compta@creme-cacao.example", Eur, Quarterly, 930, Prompt),
    client(
        "Ironbark Roofing Co.",
        "office@ironbark-roofing.example",
        Usd,
        Monthly,
        330,
        PartOnly(2026, 3),
    ),
    client("Peak & Pine Outfitters, Ltd.", "ap@peakandpine.example", Usd, Quarterly, 1_020, Prompt),
    client("Ægir Sjømat AS", "faktura@aegir-sjomat.example", Eur, Quarterly, 1_310, Prompt),
    client("Lakeshore Physical Therapy", "billing@lakeshore-pt.example", Usd, Monthly, 410, OnDue),
    client("Copperline Electric, Inc.", "payables@copperline.example", Usd, Quarterly, 890, Prompt),
    client("Zażółć Studio Sp. z o.o.", "biuro@zazolc.example", Eur, Quarterly, 640, Late),
    client(
        "Meridian Freight Forwarding, LLC",
        "ap@meridian-freight.example",
        Usd,
        Monthly,
        720,
        Prompt,
    ),
    client("Thistledown Yarn Shop", "", Usd, Quarterly, 310, Stops(2026, 4)),
    client(
        "Fenwick, Dale & Moor, LLP",
        "accounts@fenwickdalemoor.example",
        Usd,
        Quarterly,
        1_750,
        Prompt,
    ),
    client(
        "Goldfinch Early Learning Center",
        "director@goldfinch-elc.example",
        Usd,
        Quarterly,
        570,
        Prompt,
    ),
    client("Straßenbau Süd AG", "kreditoren@strassenbau-sued.example", Eur, Monthly, 830, Prompt),
    client(
        "Cedar Hollow Winery, L.P.",
        "cellar@cedarhollow.example",
        Usd,
        Quarterly,
        1_240,
        PartOnly(2026, 7),
    ),
    client("Brightwater Pool Service", "office@brightwater-pools.example", Usd, Monthly, 270, Late),
    client(
        "Kintsugi Ceramics K.K.",
        "office@kintsugi-ceramics.example",
        Jpy,
        Quarterly,
        520,
        Prompt,
    ),
    client(
        "Old Mill Hardware, Inc.",
        "books@oldmill-hardware.example",
        Usd,
        Quarterly,
        690,
        Prompt,
    ),
    client(
        "Vega-Luna Importaciones, S.L.",
        "pagos@vega-luna.example",
        Eur,
        Quarterly,
        1_090,
        Prompt,
    ),
    client(
        "Saltmarsh Surveying",
        "office@saltmarsh-surveying.example",
        Usd,
        Quarterly,
        610,
        Prompt,
    ),
    client(
        "Hearthstone Masonry, LLC",
        "office@hearthstone-masonry.example",
        Usd,
        Quarterly,
        480,
        Prompt,
    ),
    client("Twelve Oaks Equestrian", "stables@twelveoaks.example", Usd, Quarterly, 720, Prompt),
    client("Pinnacle Sign & Neon", "ap@pinnacle-sign.example", Usd, Monthly, 360, Prompt),
    client(
        "Maple Street Pediatrics, P.A.",
        "manager@maplestreet-peds.example",
        Usd,
        Monthly,
        590,
        OnDue,
    ),
    client("Café Zwölf", "chef@cafe-zwoelf.example", Eur, Quarterly, 420, Prompt),
    client(
        "Redstart Landscape Architects",
        "studio@redstart.example",
        Usd,
        Quarterly,
        1_130,
        Prompt,
    ),
    client(
        "Summit Ridge Homeowners' Association",
        "treasurer@summitridge-hoa.example",
        Usd,
        Yearly,
        3_400,
        Prompt,
    ),
    client("Quarry Road Auto Body, Inc.", "shop@quarryroad.example", Usd, Quarterly, 550, Late),
    client(
        "Lumière Optique SAS",
        "comptabilite@lumiere-optique.example",
        Eur,
        Quarterly,
        870,
        Prompt,
    ),
    client("Bluestem Prairie Foundation", "finance@bluestem.example", Usd, Yearly, 6_800, Prompt),
    client("Hoshino Tea Trading K.K.", "shiharai@hoshino-tea.example", Jpy, Monthly, 440, Late),
    client(
        "Granite Bay Brewing Co., LLC",
        "books@granitebay-brewing.example",
        Usd,
        Monthly,
        510,
        Prompt,
    ),
    client("Sparrow Lane Florist", "hello@sparrowlane.example", Usd, Quarterly, 340, Prompt),
    client(
        "Tidewater Title & Escrow",
        "accounting@tidewater-title.example",
        Usd,
        Quarterly,
        1_600,
        Prompt,
    ),
    client(
        "Jäger & Fuchs Büromöbel OHG",
        "einkauf@jaeger-fuchs.example",
        Eur,
        Quarterly,
        760,
        Prompt,
    ),
    client(
        "Cornerstone Community Church",
        "office@cornerstone-church.example",
        Usd,
        Yearly,
        2_900,
        OnDue,
    ),
    client("Paper Lantern Events", "events@paperlantern.example", Usd, Quarterly, 490, Prompt),
    client(
        "Stonebridge Property Management, LLC",
        "ap@stonebridge-pm.example",
        Usd,
        Monthly,
        980,
        Prompt,
    ),
    client(
        "Wren & Holloway \"Fine Books\"",
        "shop@wrenholloway.example",
        Usd,
        Quarterly,
        390,
        Prompt,
    ),
    client(
        "Ostsee Fähren Betriebs-GmbH",
        "finanzen@ostsee-faehren.example",
        Eur,
        Yearly,
        7_200,
        Prompt,
    ),
    client(
        "Silver Creek Irrigation District",
        "clerk@silvercreek-id.example",
        Usd,
        Yearly,
        5_300,
        OnDue,
    ),
    client(
        "Firefly Robotics, Inc.",
        "finance@firefly-robotics.example",
        Usd,
        Monthly,
        1_180,
        Prompt,
    ),
    client("Marigold Home Care", "office@marigold-care.example", Usd, Quarterly, 650, Prompt),
    client(
        "Timberline Cabinetry",
        "shop@timberline-cabinetry.example",
        Usd,
        Quarterly,
        560,
        Prompt,
    ),
    client(
        "Nagare Logistics K.K.",
        "keiri@nagare-logistics.example",
        Jpy,
        Quarterly,
        1_720,
        Prompt,
    ),
    client("Foxglove Apothecary, Ltd.", "orders@foxglove.example", Usd, Quarterly, 470, Prompt),
    client(
        "Empire Vending & Amusement, Inc.",
        "ap@empire-vending.example",
        Usd,
        Monthly,
        430,
        Late,
    ),
    client("Dune Grass Resort, LLC", "controller@dunegrass.example", Usd, Quarterly, 2_050, Prompt),
    client("Alpenglühen Bergsport e.K.", "laden@alpengluehen.example", Eur, Quarterly, 580, Prompt),
    client("Zephyr Balloon Tours", "pilot@zephyr-balloons.example", Usd, Quarterly, 520, Prompt),
];
