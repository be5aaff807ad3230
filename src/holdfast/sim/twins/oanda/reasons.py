"""Why v20 rejects: its reject reasons, and the sentence that stands beside each as `errorMessage`."""

from __future__ import annotations

MESSAGES = {
    "INSTRUMENT_MISSING": "The instrument has not been specified",
    "INSTRUMENT_NOT_TRADEABLE": "Instrument is not tradeable by the Account",
    "UNITS_MISSING": "The Order units have not been specified",
    "UNITS_INVALID": "Order units specified are invalid",
    "UNITS_PRECISION_EXCEEDED": "The units specified contain more precision than is allowed for the Order's instrument",
    "UNITS_LIMIT_EXCEEDED": "The units specified exceeds the maximum number of units allowed",
    "UNITS_MIMIMUM_NOT_MET": "The units specified is less than the minimum number of units required",
    "PRICE_MISSING": "The price has not been specified",
    "PRICE_INVALID": "The price specified is invalid",
    "PRICE_PRECISION_EXCEEDED": "The price specified contains more precision than is allowed for the instrument",
    "PRICE_DISTANCE_INVALID": "The price distance specified is invalid",
    "PRICE_DISTANCE_PRECISION_EXCEEDED": "The price distance specified contains more precision than is allowed for"
    " the instrument",
    "PRICE_BOUND_INVALID": "The price bound specified is invalid",
    "PRICE_BOUND_PRECISION_EXCEEDED": "The price bound specified contains more precision than is allowed for the"
    " Order's instrument",
    "TIME_IN_FORCE_INVALID": "The timeInForce specified is invalid",
    "TIME_IN_FORCE_GTD_TIMESTAMP_MISSING": "The timeInForce is GTD but the GTD timestamp has not been specified",
    "TIME_IN_FORCE_GTD_TIMESTAMP_IN_PAST": "The timeInForce is GTD but the GTD timestamp is in the past",
    "TRIGGER_CONDITION_INVALID": "The TriggerCondition specified is invalid",
    "PENDING_ORDERS_ALLOWED_EXCEEDED": "Creating the Order would result in the maximum number of allowed pending"
    " Orders being exceeded",
    "CLIENT_ORDER_ID_INVALID": "The client Order ID specified is invalid",
    "CLIENT_ORDER_ID_ALREADY_EXISTS": "The client Order ID specified is already assigned to another pending Order",
    "CLIENT_ORDER_TAG_INVALID": "The client Order tag specified is invalid",
    "CLIENT_ORDER_COMMENT_INVALID": "The client Order comment specified is invalid",
    "CLIENT_TRADE_ID_INVALID": "The client Trade ID specified is invalid",
    "CLIENT_TRADE_ID_ALREADY_EXISTS": "The client Trade ID specified is already assigned to another open Trade",
    "CLIENT_TRADE_TAG_INVALID": "The client Trade tag specified is invalid",
    "CLIENT_TRADE_COMMENT_INVALID": "The client Trade comment is invalid",
    "CLIENT_EXTENSIONS_DATA_MISSING": "The client extensions have not been specified",
    "ORDERS_ON_FILL_DUPLICATE_CLIENT_ORDER_IDS": "The Orders on fill would be in violation of the client Order ID"
    " being unique",
    "ORDER_DOESNT_EXIST": "The Order specified does not exist",
    "TRADE_DOESNT_EXIST": "The Trade specified does not exist",
    "TRADE_ID_UNSPECIFIED": "Neither the Trade ID nor client Trade ID are specified",
    "TRADE_IDENTIFIER_INCONSISTENCY": "The Trade ID and client Trade ID specified do not identify the same Trade",
    "REPLACING_ORDER_INVALID": "The replacing Order refers to a different Trade or type than the Order that is being"
    " replaced",
    "TAKE_PROFIT_ORDER_ALREADY_EXISTS": "A Take Profit Order for the specified Trade already exists",
    "TAKE_PROFIT_ON_FILL_PRICE_MISSING": "The Take Profit on fill specified does not provide a price",
    "TAKE_PROFIT_ON_FILL_PRICE_INVALID": "The Take Profit on fill specified contains an invalid price",
    "TAKE_PROFIT_ON_FILL_PRICE_PRECISION_EXCEEDED": "The Take Profit on fill specified contains a price with more"
    " precision than is allowed by the Order's instrument",
    "TAKE_PROFIT_ON_FILL_TIME_IN_FORCE_INVALID": "The Take Profit on fill specifies an invalid TimeInForce",
    "TAKE_PROFIT_ON_FILL_GTD_TIMESTAMP_MISSING": "The Take Profit on fill specifies a GTD TimeInForce but does not"
    " provide a GTD timestamp",
    "TAKE_PROFIT_ON_FILL_GTD_TIMESTAMP_IN_PAST": "The Take Profit on fill specifies a GTD timestamp that is in the"
    " past",
    "TAKE_PROFIT_ON_FILL_CLIENT_ORDER_ID_INVALID": "The Take Profit on fill client Order ID specified is invalid",
    "TAKE_PROFIT_ON_FILL_TRIGGER_CONDITION_INVALID": "The Take Profit on fill specifies an invalid TriggerCondition",
    "STOP_LOSS_ORDER_ALREADY_EXISTS": "A Stop Loss Order for the specified Trade already exists",
    "STOP_LOSS_ORDER_GUARANTEED_NOT_ALLOWED": "A guaranteed Stop Loss Order is not allowed for this Account",
    "STOP_LOSS_ORDER_PRICE_AND_DISTANCE_BOTH_SPECIFIED": "The Stop Loss Order request contains both the price and"
    " distance fields",
    "STOP_LOSS_ORDER_PRICE_AND_DISTANCE_BOTH_MISSING": "The Stop Loss Order request contains neither the price nor"
    " distance fields",
    "STOP_LOSS_ON_FILL_GUARANTEED_NOT_ALLOWED": "The Stop Loss on fill may not be guaranteed",
    "STOP_LOSS_ON_FILL_PRICE_INVALID": "The Stop Loss on fill specified contains an invalid price",
    "STOP_LOSS_ON_FILL_PRICE_PRECISION_EXCEEDED": "The Stop Loss on fill specifies a price with more precision than is"
    " allowed by the Order's instrument",
    "STOP_LOSS_ON_FILL_DISTANCE_INVALID": "The Stop Loss on fill specified contains an invalid distance",
    "STOP_LOSS_ON_FILL_DISTANCE_PRECISION_EXCEEDED": "The Stop Loss on fill distance contains more precision than is"
    " allowed by the instrument",
    "STOP_LOSS_ON_FILL_PRICE_AND_DISTANCE_BOTH_SPECIFIED": "The Stop Loss on fill contains both the price and distance"
    " fields",
    "STOP_LOSS_ON_FILL_PRICE_AND_DISTANCE_BOTH_MISSING": "The Stop Loss on fill contains neither the price nor distance"
    " fields",
    "STOP_LOSS_ON_FILL_TIME_IN_FORCE_INVALID": "The Stop Loss on fill specifies an invalid TimeInForce",
    "STOP_LOSS_ON_FILL_GTD_TIMESTAMP_MISSING": "The Stop Loss on fill specifies a GTD TimeInForce but does not provide"
    " a GTD timestamp",
    "STOP_LOSS_ON_FILL_GTD_TIMESTAMP_IN_PAST": "The Stop Loss on fill specifies a GTD timestamp that is in the past",
    "STOP_LOSS_ON_FILL_CLIENT_ORDER_ID_INVALID": "The Stop Loss on fill client Order ID specified is invalid",
    "STOP_LOSS_ON_FILL_TRIGGER_CONDITION_INVALID": "The Stop Loss on fill specifies an invalid TriggerCondition",
    "TRAILING_STOP_LOSS_ORDERS_NOT_SUPPORTED": "Trailing Stop Loss orders are not supported",
    "CLOSE_TRADE_UNITS_EXCEED_TRADE_SIZE": "The partial close of a Trade specifies more units than the Trade has",
    "CLOSEOUT_POSITION_DOESNT_EXIST": "The Position requested to be closed out does not exist",
    "CLOSEOUT_POSITION_INCOMPLETE_SPECIFICATION": "The request to closeout a Position was specified incompletely",
    "CLOSEOUT_POSITION_UNITS_EXCEED_POSITION_SIZE": "A partial Position closeout request specifies more units than"
    " are available in the Position",
    "INSUFFICIENT_MARGIN": "The Account had insufficient margin to perform the action specified",
}
