import com.google.gson.JsonObject;
import com.microsoft.azure.sdk.iot.provisioning.service.ProvisioningServiceClient;
import com.microsoft.azure.sdk.iot.provisioning.service.Query;
import com.microsoft.azure.sdk.iot.provisioning.service.configs.BulkOperationMode;
import com.microsoft.azure.sdk.iot.provisioning.service.configs.EnrollmentGroup;
import com.microsoft.azure.sdk.iot.provisioning.service.configs.IndividualEnrollment;
import com.microsoft.azure.sdk.iot.provisioning.service.configs.ProvisioningStatus;
import com.microsoft.azure.sdk.iot.provisioning.service.configs.QuerySpecification;
import com.microsoft.azure.sdk.iot.provisioning.service.configs.SymmetricKeyAttestation;
import com.microsoft.azure.sdk.iot.service.auth.AuthenticationType;
import com.microsoft.azure.sdk.iot.service.messaging.IotHubServiceClientProtocol;
import com.microsoft.azure.sdk.iot.service.messaging.MessagingClient;
import com.microsoft.azure.sdk.iot.service.query.QueryClient;
import com.microsoft.azure.sdk.iot.service.registry.Device;
import com.microsoft.azure.sdk.iot.service.registry.DeviceStatus;
import com.microsoft.azure.sdk.iot.service.registry.RegistryClient;
import com.microsoft.azure.sdk.iot.service.twin.Twin;
import com.microsoft.azure.sdk.iot.service.twin.TwinClient;
import java.util.List;

/** The service SDKs of DPS and of hubs, each signed in with a connection string. */
public final class JavaServices {
    private static final String HUB = "iot-service-client";
    private static final String DPS = "provisioning-service-client";
    private static final String PRIMARY = "c2l4dGVlbiBieXRlcy4uLg==";
    private static final String SECONDARY = "YW5vdGhlciBzaXh0ZWVuLi4=";

    private JavaServices() {
    }

    public static void main(String[] arguments) throws Exception {
        JsonObject ground = Saying.ground(arguments);
        provisioning(new ProvisioningServiceClient(ground.getAsJsonObject("dps").get("connection").getAsString()));
        String connection = ground.getAsJsonObject("hub").get("connection").getAsString();
        registry(connection);
        for (IotHubServiceClientProtocol protocol : IotHubServiceClientProtocol.values()) {
            Saying.attempt("AMQP refused", () -> {
                MessagingClient client = new MessagingClient(connection, protocol);
                Saying.refusedAtOnce(client::open);
            }, HUB);
        }
        System.exit(0);
    }

    private static void provisioning(ProvisioningServiceClient client) {
        SymmetricKeyAttestation keys = new SymmetricKeyAttestation(PRIMARY, SECONDARY);
        Saying.attempt("enrollment create", () -> {
            IndividualEnrollment made = client.createOrUpdateIndividualEnrollment(new IndividualEnrollment("weld-1", keys));
            Saying.check(made.getRegistrationId().equals("weld-1"), made);
            EnrollmentGroup group = client.createOrUpdateEnrollmentGroup(new EnrollmentGroup("welds", keys));
            Saying.check(group.getEnrollmentGroupId().equals("welds"), group);
            var bulk = client.runBulkEnrollmentOperation(
                    BulkOperationMode.CREATE, List.of(new IndividualEnrollment("weld-2", keys)));
            Saying.check(bulk.getSuccessful(), bulk);
        }, DPS);
        Saying.attempt("enrollment read", () -> {
            IndividualEnrollment shown = client.getIndividualEnrollment("weld-1");
            shown.setProvisioningStatus(ProvisioningStatus.DISABLED);
            IndividualEnrollment changed = client.createOrUpdateIndividualEnrollment(shown);
            Saying.check(changed.getProvisioningStatus() == ProvisioningStatus.DISABLED, changed);
            var mechanism = client.getIndividualEnrollmentAttestationMechanism("weld-1");
            String key = ((SymmetricKeyAttestation) mechanism.getAttestation()).getPrimaryKey();
            Saying.check(key.equals(PRIMARY), "another key");
        }, DPS);
        Saying.attempt("enrollment query", () -> {
            QuerySpecification all = new QuerySpecification("SELECT * FROM enrollments");
            Query query = client.createIndividualEnrollmentQuery(all, 10);
            Saying.check(query.hasNext() && query.next().getItems().length == 2, "not two");
            Query groups = client.createEnrollmentGroupQuery(new QuerySpecification("SELECT * FROM enrollmentGroups"), 10);
            Saying.check(groups.next().getItems().length >= 1, "no group");
            Query states = client.createEnrollmentGroupRegistrationStateQuery(new QuerySpecification("SELECT * FROM deviceRegistrations"), "welds", 10);
            Saying.check(states.next().getItems().length == 0, "somebody");
            client.deleteIndividualEnrollment("weld-1");
            client.deleteIndividualEnrollment("weld-2");
            client.deleteEnrollmentGroup("welds");
        }, DPS);
    }

    private static void registry(String connection) {
        RegistryClient client = new RegistryClient(connection);
        TwinClient twins = new TwinClient(connection);
        Saying.attempt("registry create", () -> {
            Device made = client.addDevice(new Device("drill-1", AuthenticationType.SAS));
            Saying.check(made.getPrimaryKey() != null, made.getDeviceId());
            Device other = new Device("drill-2", AuthenticationType.SELF_SIGNED);
            other.setThumbprint("A".repeat(40), "B".repeat(40));
            Saying.check(client.addDevice(other).getPrimaryThumbprint().equals("A".repeat(40)), "another thumbprint");
        }, HUB);
        Saying.attempt("registry read", () -> {
            Device shown = client.getDevice("drill-1");
            shown.setStatus(DeviceStatus.Disabled);
            Saying.check(client.updateDevice(shown).getStatus() == DeviceStatus.Disabled, "not disabled");
            Saying.check(client.getStatistics().getTotalDeviceCount() >= 2, "less than two");
            Twin twin = twins.get("drill-1");
            twin.getTags().put("hall", 3);
            twins.patch(twin);
            Saying.check(twins.get("drill-1").getTags().containsKey("hall"), "no tag");
        }, HUB);
        Saying.attempt("registry query", () -> {
            var found = new QueryClient(connection).queryTwins("SELECT * FROM devices WHERE tags.hall = 3");
            Saying.check(found.hasNext() && found.next().getDeviceId().equals("drill-1"), "not found");
            client.removeDevice("drill-1");
            client.removeDevice("drill-2");
        }, HUB);
    }
}
